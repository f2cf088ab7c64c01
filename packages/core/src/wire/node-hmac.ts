import { createHmac, createSecretKey } from 'node:crypto';

/**
 * The function of the same name in `portable-hmac.ts`, with `node:crypto`. It saves a process the memory of a library.
 * The package's `imports` choose.
 */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const code = createHmac('sha256', key);
  for (const part of parts) code.update(part);
  // A plain array and not a Buffer, because the caller owns the result.
  return new Uint8Array(code.digest());
}

/** The function of the same name in `portable-hmac.ts`, with `node:crypto`. */
export function hmacUnder(key: Uint8Array): (first: Uint8Array, second: Uint8Array) => Uint8Array {
  const secretKey = createSecretKey(key);
  return (first, second) => createHmac('sha256', secretKey).update(first).update(second).digest();
}
