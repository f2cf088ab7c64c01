import { randomFillSync } from 'node:crypto';

/**
 * How a side masks what it sends (RFC 6455, section 5.3): a server does not, a client must, with zero where nobody on
 * the way can see or alter the bytes.
 */
export type Masking = 'none' | 'zero' | 'random';

/** Final frame of a binary message (RFC 6455, section 5.2). */
const FINAL_BINARY = 0x82;
const MASKED = 0x80;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;
const KEY_BYTES = 4;

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
  const key = start - KEY_BYTES;
  keys.copy(frame, key, nextKey, nextKey + KEY_BYTES);
  nextKey += KEY_BYTES;
  for (let index = start; index < frame.length; index += 1) {
    frame[index] = (frame[index] as number) ^ (frame[key + ((index - start) & 3)] as number);
  }
}
