import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { ConnectionConfig } from '@entropynet/core';
import { type ConnectionDuplex, type ConnectionDuplexOptions, toDuplex } from '@entropynet/streams';
import type { Bench } from './transport-bench.js';

export const MEBIBYTE = 1024 * 1024;

/** A pair of streams over one connection. */
export async function duplexes(
  bench: Bench,
  config?: Partial<ConnectionConfig>,
  options?: ConnectionDuplexOptions,
): Promise<[ConnectionDuplex, ConnectionDuplex]> {
  const [client, accepted] = await bench.connect(config);
  return [toDuplex(client, options), toDuplex(accepted, options)];
}

/** Returns all bytes of a stream. Unlike `stream/consumers`, it does not destroy the other direction. */
export function bytesOf(duplex: Duplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    duplex.on('data', (part: Buffer) => parts.push(part));
    duplex.once('end', () => {
      resolve(Buffer.concat(parts));
    });
    duplex.once('error', reject);
  });
}

/** Returns the SHA-256 hash of bytes, for comparing long ones. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
