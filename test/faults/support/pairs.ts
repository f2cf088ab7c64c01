import type { Scope } from '@entropynet/conformance/tools';
import { type NetworkConnection, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshName } from '../../support/fresh-name.js';

/** Both ends of a connection in this process. */
export interface Pair {
  readonly client: SharedMemoryConnection;
  readonly accepted: NetworkConnection;
}

/** A connection with both ends in this process, in a separate folder. It ends with the test. */
export async function connectPair(scope: Scope, access: 'direct' | 'copied'): Promise<Pair> {
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-pair-'));
  scope.defer(() => {
    rmSync(directory, { recursive: true });
  });
  const name = freshName();
  const sharedMemory = { directory, access };
  const server = scope.add(new SharedMemoryServer({ endpoint: name, sharedMemory }));
  unwrap(await server.listen());
  const client = scope.add(new SharedMemoryConnection(name, { sharedMemory }));
  unwrap(await client.connect());
  const accepted = scope.add(unwrap(await server.accept()));
  accepted.startReceiving();
  return { client, accepted };
}
