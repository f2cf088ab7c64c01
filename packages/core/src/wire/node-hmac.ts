import { createHmac, createSecretKey } from 'node:crypto';

/** As of `portable-hmac.ts`, by Node.js itself: it spares a process the memory of a library. The package's `imports` choose. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const code = createHmac('sha256', key);
  for (const part of parts) code.update(part);
  // No Buffer: what it is made into is the caller's.
  return new Uint8Array(code.digest());
}

/** The function of the same name in `portable-hmac.ts`, by Node.js itself. */
export function hmacUnder(key: Uint8Array): (first: Uint8Array, second: Uint8Array) => Uint8Array {
  const secretKey = createSecretKey(key);
  return (first, second) => createHmac('sha256', secretKey).update(first).update(second).digest();
}
