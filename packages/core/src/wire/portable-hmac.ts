import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

/** Computes the HMAC-SHA-256 of the parts in order, for runtimes without `node:crypto`, such as pages. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const code = hmac.create(sha256, key);
  for (const part of parts) code.update(part);
  return code.digest();
}

/** Returns a function that computes the HMAC-SHA-256 of two parts in order, under one key, for many messages. */
export function hmacUnder(key: Uint8Array): (first: Uint8Array, second: Uint8Array) => Uint8Array {
  const keyed = hmac.create(sha256, key);
  return (first, second) => keyed.clone().update(first).update(second).digest();
}
