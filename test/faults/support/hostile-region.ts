import { type Scope, turns } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkConnection, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, type SharedMemoryServer } from '@entropynet/transport-shm';
import { nativeBinding, Scene } from '../../support/shared-memory/shared-memory-support.js';
import { type Answer, rawConnect, type RawConnection, serveHostilely } from './hostile.js';

/** A separate scene for the test. */
export function sceneOf(scope: Scope): Scene {
  const scene = new Scene();
  scope.defer(() => scene.close());
  return scene;
}

/** Returns the outcome of a client at a hostile server: a code, or the end of the connection. */
export async function meet(
  scope: Scope,
  scene: Scene,
  answer: Answer,
  config: Partial<ConnectionConfig> = {},
): Promise<string> {
  const endpoint = `hostile-${Math.random()}`;
  serveHostilely(scope, nativeBinding()!, scene.directory, endpoint, answer);
  const client = new SharedMemoryConnection(endpoint, { ...scene.config, ...config });
  const ended = new Promise<string>((resolve) => {
    client.on('state', (state, error) => {
      if (state === 'failed') resolve(error?.code ?? 'failed');
    });
  });
  const connected = await client.connect();
  if (!connected.ok) return connected.error.code;
  client.setMessageCallback(() => undefined);
  client.trySend(new Uint8Array(100));
  await turns(2);
  const outcome = client.isConnected() ? 'served' : await ended;
  await client.disconnect();
  return outcome;
}

/** A server of this process and a raw client of it, whose region the test can write. */
export async function openRaw(scope: Scope): Promise<{
  readonly scene: Scene;
  readonly server: SharedMemoryServer;
  readonly accepted: NetworkConnection;
  readonly raw: RawConnection;
}> {
  const scene = sceneOf(scope);
  const server = await scene.server();
  const raw = await rawConnect(scope, scene.config);
  const accepted = scope.add(unwrap(await server.accept()));
  return { scene, server, accepted, raw };
}
