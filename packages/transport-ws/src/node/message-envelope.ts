import { randomFillSync } from 'node:crypto';

/**
 * How a side masks what it sends (RFC 6455, section 5.3): a server does not, a client must, with zero where nobody on
 * the way can see or alter the bytes.
 */
export type Masking = 'none' | 'zero' | 'random';

/** First bytes of frames (RFC 6455, section 5.2): of a whole binary message, and of a whole text message. */
export const FINAL_BINARY = 0x82;
export const FINAL_TEXT = 0x81;

/** Of a binary message's fragments: the first one, those in between, the last one (section 5.4). */
export const FIRST_FRAGMENT = 0x02;
export const NEXT_FRAGMENT = 0x00;
export const LAST_FRAGMENT = 0x80;

/** Of pings and pongs, which are never in fragments (sections 5.5.2 and 5.5.3). */
export const PING = 0x89;
export const PONG = 0x8a;
export const MAX_CONTROL_BYTES = 125;

/** Of a compressed binary message (RFC 7692, section 6): whole, and its first fragment; the others are as above. */
export const COMPRESSED_BINARY = 0xc2;
export const FIRST_COMPRESSED_FRAGMENT = 0x42;

/** The mask bit, in the second byte; the other bits are the length, or say how long the length is. */
export const MASKED = 0x80;
export const LENGTH_IN_16_BITS = 126;
export const LENGTH_IN_64_BITS = 127;

/** The length of a masking key in bytes. */
export const KEY_BYTES = 4;

/** The longest envelope, in bytes: two, a length of 64 bits, a key. */
export const MAX_ENVELOPE_BYTES = 14;

/** Fewer bytes than this are masked one by one. */
const FEWEST_WORDWISE_BYTES = 64;

/** Random keys are drawn so many bytes at a time. */
const keys = Buffer.alloc(4096);
let nextKey = keys.length;

/** How many bytes precede a message of `length` bytes. */
export function envelopeBytes(length: number, masking: Masking): number {
  const lengthBytes = length < LENGTH_IN_16_BITS ? 2 : length < 65_536 ? 4 : 10;
  return masking === 'none' ? lengthBytes : lengthBytes + KEY_BYTES;
}

/** Makes one whole WebSocket frame of `frame`, whose message begins at byte `start`; masks the message in place. */
export function seal(frame: Buffer, start: number, masking: Masking): void {
  const length = frame.length - start;
  const masked = masking === 'none' ? 0 : MASKED;
  frame[0] = FINAL_BINARY;
  if (length < LENGTH_IN_16_BITS) {
    frame[1] = masked | length;
  } else if (length < 65_536) {
    frame[1] = masked | LENGTH_IN_16_BITS;
    frame[2] = length >>> 8;
    frame[3] = length;
  } else {
    frame[1] = masked | LENGTH_IN_64_BITS;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  if (masking === 'zero') frame.fill(0, start - KEY_BYTES, start);
  else if (masking === 'random') mask(frame, start);
}

function mask(frame: Buffer, start: number): void {
  if (nextKey === keys.length) {
    randomFillSync(keys);
    nextKey = 0;
  }
  const key = keys.readInt32LE(nextKey);
  nextKey += KEY_BYTES;
  frame.writeInt32LE(key, start - KEY_BYTES);
  applyMask(frame, start, frame.length, key);
}

/**
 * Masks `bytes[start, end)` in place, or takes the mask off again.
 * @param key its first byte is the lowest of the number
 */
export function applyMask(bytes: Buffer, start: number, end: number, key: number): void {
  let at = start;
  if (end - start >= FEWEST_WORDWISE_BYTES) {
    while (((bytes.byteOffset + at) & 3) !== 0) at = maskByte(bytes, start, at, key);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >>> 2);
    const word = wordOf(key, at - start);
    for (let index = 0; index < words.length; index += 1) words[index] = (words[index] as number) ^ word;
    at += words.length * 4;
  }
  while (at < end) at = maskByte(bytes, start, at, key);
}

function maskByte(bytes: Buffer, start: number, at: number, key: number): number {
  bytes[at] = (bytes[at] as number) ^ (key >>> (((at - start) & 3) * 8));
  return at + 1;
}

const keyBytes = Buffer.from(new ArrayBuffer(KEY_BYTES));
const keyWord = new Int32Array(keyBytes.buffer);

/** The key as a number in memory, from its byte `offset` (modulo 4) on. */
function wordOf(key: number, offset: number): number {
  for (let index = 0; index < KEY_BYTES; index += 1) keyBytes[index] = key >>> (((offset + index) & 3) * 8);
  return keyWord[0] as number;
}
