import { decodeUint32 } from '@entropynet/core';
import { type Lane, MAX_CREDIT_BYTES, MIN_GRANT_BYTES, putUint32 } from './nats-protocol.js';

const NUMBER_BASE = 2 ** 32;

/** Makes the body of `Kind.Credit`: further bytes for one lane, and none for the other. */
export function encodeGrants(lane: Lane, bytes: number): Uint8Array {
  const body = new Uint8Array(8);
  putUint32(body, 4 * lane, bytes);
  return body;
}

/** Returns the window bytes that a peer grants, by lane; undefined for an invalid grant. */
export function decodeGrants(
  body: Uint8Array,
  promptCredit: number,
  bulkCredit: number,
): readonly [prompt: number, bulk: number] | undefined {
  if (body.length !== 8) return undefined;
  const [prompt, bulk] = [decodeUint32(body, 0), decodeUint32(body, 4)];
  if (prompt + bulk < MIN_GRANT_BYTES) return undefined;
  if (prompt + promptCredit > MAX_CREDIT_BYTES || bulk + bulkCredit > MAX_CREDIT_BYTES) return undefined;
  return [prompt, bulk];
}

/** Makes the body of `Kind.Goodbye`: the number of the last message of the bulk lane. */
export function encodeGoodbye(lastBulk: number): Uint8Array {
  const body = new Uint8Array(8);
  putUint32(body, 0, lastBulk % NUMBER_BASE);
  putUint32(body, 4, Math.floor(lastBulk / NUMBER_BASE));
  return body;
}

/** Returns the number in a goodbye; undefined if there is none. */
export function decodeGoodbye(body: Uint8Array): number | undefined {
  return body.length === 8 ? decodeUint32(body, 0) + decodeUint32(body, 4) * NUMBER_BASE : undefined;
}
