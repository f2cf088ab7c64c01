import { resolveConnectionConfig, unwrap } from '@entropynet/core';
import { SharedMemoryServer } from '@entropynet/transport-shm';
import { connectTo, findServer } from '@entropynet/transport-shm/internal/discovery/find-server';
import { itWithAddon, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { expect } from 'chai';
import { onAnotherSystem, systemError } from './platform-answers-bench.js';

describe('a server that another one has replaced', () => {
  const scene = new Scene();
  after(() => scene.close());

  const listening = async (): Promise<SharedMemoryServer> => {
    const server = new SharedMemoryServer(scene.config);
    scene.onClose(() => server.close());
    unwrap(await server.listen());
    return server;
  };

  // A pipe's name comes from the nonce of its server, so the next server has another one.
  itWithAddon('has gone for a client that found it, where its pipe ended with it (ENOENT)', async () => {
    const first = await listening();
    const found = unwrap(findServer(unwrap(resolveConnectionConfig(scene.config))));
    unwrap(await first.close());
    await listening();
    onAnotherSystem(scene, {
      beforeConnect: () => {
        throw systemError('ENOENT');
      },
    });
    const attempt = new AbortController();
    scene.onClose(() => attempt.abort());
    const connected = await connectTo(found, 'scene', attempt.signal);
    expect(connected.ok ? 'connected' : connected.error.code).to.equal('TransportUnavailable');
  });
});
