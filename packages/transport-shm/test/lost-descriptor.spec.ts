import { expect } from 'chai';
import { unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { itWithAddon, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { onAnotherSystem } from './platform-answers-bench.js';

describe('a client without a free descriptor', () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(async () => {
    await scene.close();
  });

  // The server sends its proof and the region one after the other. If both have arrived, Linux reports the loss of the
  // region's descriptor when the client looks at the proof, and the bytes of the proof stay in the socket.
  for (const secret of [undefined, 'a secret of the test']) {
    itWithAddon(`learns that, ${secret === undefined ? 'without' : 'with'} a secret`, async () => {
      const config = { ...scene.config, secret };
      const losing = secret === undefined ? 1 : 2;
      let reads = 0;
      let kept: Uint8Array | undefined;
      onAnotherSystem(scene, {
        connected: {
          receive: (next) => (into) => {
            if (kept !== undefined) {
              into.set(kept);
              return { bytes: kept.length, descriptor: -1, descriptorLost: false, ended: false };
            }
            const received = next.receive(into);
            if (received.bytes > 0) reads += 1;
            if (reads < losing) return received;
            kept = into.slice(0, received.bytes);
            return { ...received, descriptor: -1, descriptorLost: true };
          },
        },
      });
      const server = new SharedMemoryServer(config);
      scene.onClose(() => server.close());
      unwrap(await server.listen());
      const connection = new SharedMemoryConnection(config.endpoint, config);
      scene.onClose(() => connection.disconnect());
      const connected = await connection.connect();
      expect(connected.ok ? 'connected' : connected.error.code).to.equal('ResourceLimitExceeded');
      expect(connected.ok ? '' : connected.error.message)
        .to.contain('EMFILE')
        .and.to.contain('ulimit -n');
    });
  }
});
