import { codeOf, until, within } from '@entropynet/conformance/tools';
import { ok, resolveConnectionConfig, unwrap } from '@entropynet/core';
import { findServer } from '@entropynet/transport-shm/internal/discovery/find-server';
import {
  ACKNOWLEDGEMENT,
  encodeRequest,
  HANDSHAKE_BYTES,
} from '@entropynet/transport-shm/internal/discovery/handshake-messages';
import type { LocalSocket } from '@entropynet/transport-shm/internal/native-binding';
import { SharedMemoryConnection } from '@entropynet/transport-shm';
import { expect } from 'chai';
import { counted } from '@entropynet/test/support/counted-admissions';
import {
  nativeBinding,
  reached,
  Scene,
  SharedMemoryRegion,
} from '@entropynet/test/support/shared-memory/shared-memory-support';
import { leaveOut } from '@entropynet/test/support/leave-out';

describe('the slots of clients during a shared-memory handshake', () => {
  let scene: Scene;

  before(function () {
    if (nativeBinding() === undefined) leaveOut(this, 'the addon is not built');
  });

  beforeEach(() => {
    scene = new Scene({ sharedMemory: { handshakeTimeoutMs: 300 } });
  });

  afterEach(() => scene.close());

  /** A client that asks, is granted a region, and does not acknowledge it. */
  function ask(): LocalSocket {
    const config = unwrap(resolveConnectionConfig(scene.config));
    const { binding, identity, socketPath } = unwrap(findServer(config));
    const socket = binding.LocalSocket.connect(socketPath);
    const { regionSize: regionBytes } = config.sharedMemory;
    socket.send(encodeRequest({ serverNonce: identity.nonce, regionBytes, limits: config }));
    return socket;
  }

  it('become free when the client leaves, sends nothing, or the server closes', async () => {
    const count = counted();
    const server = await scene.server({ admit: count.admit });
    const gone = ask();
    await until(() => count.taken === 1, 'the client has its place');
    gone.close();
    await until(() => count.taken === 0, 'the place of the client that went came back');
    const quiet = ask();
    await until(() => count.taken === 1, 'the silent client has its place');
    await until(() => count.taken === 0, 'the place of the silent client came back');
    const last = ask();
    await until(() => count.taken === 1, 'the last client has its place');
    await server.close();
    expect([count.taken, count.asked]).to.deep.equal([0, 3]);
    quiet.close();
    last.close();
  });

  it('become free when there is no memory for the connection', async () => {
    const count = counted();
    const sharedMemory = { ...scene.config.sharedMemory, prefault: true };
    const server = await scene.server({ admit: count.admit, sharedMemory });
    const client = new SharedMemoryConnection(scene.config.endpoint, scene.config);
    scene.onClose(() => client.disconnect());
    const { prefault } = SharedMemoryRegion.prototype;
    SharedMemoryRegion.prototype.prefault = () => {
      throw new RangeError('Array buffer allocation failed');
    };
    try {
      unwrap(await client.connect());
      await until(() => count.asked === 1 && count.taken === 0, 'the place came back');
    } finally {
      SharedMemoryRegion.prototype.prefault = prefault;
    }
    await until(() => client.getState() === 'failed', 'the client has seen the end');
    await scene.pair(server);
  });

  it('become free when the client has no memory for its connection', async () => {
    const server = await scene.server();
    const sharedMemory = { ...scene.config.sharedMemory, prefault: true };
    const client = scene.client({ sharedMemory });
    const { prefault, unmap } = SharedMemoryRegion.prototype;
    let unmapped = 0;
    SharedMemoryRegion.prototype.prefault = () => {
      throw new RangeError('Array buffer allocation failed');
    };
    SharedMemoryRegion.prototype.unmap = function (this: SharedMemoryRegion) {
      unmapped += 1;
      unmap.call(this);
    };
    try {
      expect(codeOf(await client.connect())).to.equal('ResourceLimitExceeded');
      expect(unmapped).to.equal(1);
    } finally {
      SharedMemoryRegion.prototype.prefault = prefault;
      SharedMemoryRegion.prototype.unmap = unmap;
    }
    const accepted = unwrap(await server.accept());
    const failed = reached(accepted, 'failed');
    accepted.startReceiving();
    expect(await within(failed, 'the server has seen the end')).to.have.property('code', 'PeerDied');
  });

  it('become connections if the server was busy until after the time limit', async () => {
    const clients: LocalSocket[] = [];
    const server = await scene.server({
      admit: () => {
        // After the answer: the client acknowledges in time, and this thread looks too late.
        setImmediate(() => {
          clients[0]?.receive(new Uint8Array(HANDSHAKE_BYTES));
          clients[0]?.send(ACKNOWLEDGEMENT);
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
        });
        return ok({ release: () => undefined });
      },
    });
    const accepting = server.accept({ signal: AbortSignal.timeout(30_000) });
    clients.push(ask());
    const connection = unwrap(await accepting);
    expect(connection.isConnected()).to.equal(true);
    await connection.disconnect();
    clients[0]?.close();
  });
});
