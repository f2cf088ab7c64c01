import type { Scope } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import type { TransportFixture } from '@entropynet/conformance';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { expectServing, ownFixture } from './processes.js';

/** A separate discovery directory for the test, with the names that a server would have in it. */
export interface World {
  readonly fixture: TransportFixture;
  readonly config: ConnectionConfig;
  readonly directory: string;
  readonly names: ReturnType<typeof serverNames>;
}

export function worldOf(scope: Scope): World {
  const fixture = ownFixture(scope);
  const config = fixture.freshConfig();
  const directory = config.sharedMemory!.directory!;
  return { fixture, config, directory, names: serverNames(directory, config.endpoint) };
}

/** Shows that a server of this process takes the name and serves. */
export async function expectTaken(scope: Scope, { fixture, config }: World): Promise<void> {
  const server = fixture.createTransport().createServer(config);
  scope.add(server);
  unwrap(await server.listen());
  await expectServing(scope, fixture, config, () => server.accept());
  await server.close();
}
