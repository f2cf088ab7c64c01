import { randomFillSync } from 'node:crypto';

/**
 * The masking of a side (RFC 6455, section 5.3). A server does not mask. A client must mask; it uses zero if no machine
 * between the ends can see or change the bytes.
 */
export type Masking = 'none' | 'zero' | 'random';

/** First bytes of frames (RFC 6455, section 5.2): of a whole binary message, and of a whole text message. */
export const FINAL_BINARY = 0x82;
export const FINAL_TEXT = 0x81;

/** The first bytes of a binary message's fragments: the first one, those in between, the last one (section 5.4). */
export const FIRST_FRAGMENT = 0x02;
export const NEXT_FRAGMENT = 0x00;
export const LAST_FRAGMENT = 0x80;

/** The first bytes of pings and pongs, which are never fragmented (sections 5.5.2 and 5.5.3). */
export const PING = 0x89;
export const PONG = 0x8a;
export const MAX_CONTROL_BYTES = 125;

/**
 * The first bytes of a compressed binary message (RFC 7692, section 6): a whole one, and a first fragment. The other
 * fragments have the bytes above.
 */
export const COMPRESSED_BINARY = 0xc2;
export const FIRST_COMPRESSED_FRAGMENT = 0x42;

/** The mask bit in the second byte. The other bits are the length, or the size of the length field. */
export const MASKED = 0x80;
export const LENGTH_IN_16_BITS = 126;
export const LENGTH_IN_64_BITS = 127;

/** The length of a masking key in bytes. */
export const KEY_BYTES = 4;

/** The longest envelope, in bytes: two, a 64-bit length, and a key. */
export const MAX_ENVELOPE_BYTES = 14;

/** Shorter messages are masked byte by byte. */
const FEWEST_WORDWISE_BYTES = 32;

/** Shorter messages arrive many in one memory. An array for each of them would cost more than the mask. */
const LONG_BYTES = 4096;

/** Random keys come from a buffer that is refilled as a whole. */
const keys = Buffer.alloc(4096);
let nextKey = keys.length;

/** Returns the length of the envelope of a message of `length` bytes. */
export function envelopeBytes(length: number, masking: Masking): number {
  const lengthBytes = length < LENGTH_IN_16_BITS ? 2 : length < 65_536 ? 4 : 10;
  return masking === 'none' ? lengthBytes : lengthBytes + KEY_BYTES;
}

/**
 * Completes one WebSocket frame: writes the envelope before the message, which begins at byte `start`, and masks the
 * message in place.
 */
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
 * Masks `bytes[start, end)` in place, or removes the mask.
 * @param key the masking key; its first byte is the lowest of the number
 */
export function applyMask(bytes: Buffer, start: number, end: number, key: number): void {
  let at = start;
  const length = end - start;
  if (length >= FEWEST_WORDWISE_BYTES) {
    const { buffer, byteOffset } = bytes;
    while (((byteOffset + at) & 3) !== 0) at = maskByte(bytes, start, at, key);
    const words = length < LONG_BYTES ? wordsFor(buffer) : wordsOf(buffer);
    const word = wordOf(key, at - start);
    const last = (byteOffset + end) >>> 2;
    let index = (byteOffset + at) >>> 2;
    at += (last - index) * 4;
    for (; index < last; index += 1) words[index] = (words[index] as number) ^ word;
  }
  while (at < end) at = maskByte(bytes, start, at, key);
}

/** The memory of the last short message, and its words. Keeping it is cheap: it is at most that of one message in fragments. */
let lastBuffer: ArrayBufferLike | undefined;
let lastWords: Int32Array = new Int32Array();

function wordsFor(buffer: ArrayBufferLike): Int32Array {
  if (buffer !== lastBuffer) {
    lastWords = wordsOf(buffer);
    lastBuffer = buffer;
  }
  return lastWords;
}

function wordsOf(buffer: ArrayBufferLike): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength >>> 2);
}

function maskByte(bytes: Buffer, start: number, at: number, key: number): number {
  bytes[at] = (bytes[at] as number) ^ (key >>> (((at - start) & 3) * 8));
  return at + 1;
}

const keyBytes = Buffer.from(new ArrayBuffer(KEY_BYTES));
const keyWord = new Int32Array(keyBytes.buffer);

/** Returns the key as a number in memory, from its byte `offset` (modulo 4) on. */
function wordOf(key: number, offset: number): number {
  for (let index = 0; index < KEY_BYTES; index += 1) keyBytes[index] = key >>> (((offset + index) & 3) * 8);
  return keyWord[0] as number;
}
