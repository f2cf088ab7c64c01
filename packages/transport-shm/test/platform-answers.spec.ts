import { expect } from 'chai';
import { once } from 'node:events';
import { until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { loadNativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { itWithAddon, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';
import { failingAt, onAnotherSystem, systemError } from './platform-answers-bench.js';

describe('the answers of other systems', () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(async () => {
    await scene.close();
  });
  const client = (): SharedMemoryConnection => {
    const connection = new SharedMemoryConnection(scene.config.endpoint, scene.config);
    scene.onClose(() => connection.disconnect());
    return connection;
  };
  // Of this file's own copy of the package: the scene may have another, where the system resolves no links.
  const listening = async (): Promise<SharedMemoryServer> => {
    const server = new SharedMemoryServer(scene.config);
    scene.onClose(() => server.close());
    unwrap(await server.listen());
    return server;
  };
  const connectsTo = async (server: SharedMemoryServer): Promise<void> => {
    unwrap(await client().connect());
    const accepted = unwrap(await server.accept());
    scene.onClose(() => accepted.disconnect());
  };
  const failureOf = async (): Promise<string> => {
    const result = await client().connect();
    return result.ok ? 'connected' : `${result.error.code}: ${result.error.message}`;
  };

  itWithAddon('a client that the system has forgotten (ENOTCONN) does not disturb the others', async () => {
    const fails = failingAt([1], 'ENOTCONN');
    onAnotherSystem(scene, {
      accepted: { peerCredentials: (next) => () => fails(() => next.peerCredentials()) },
    });
    const server = await listening();
    expect(await failureOf()).to.match(/^HandshakeFailed/);
    await connectsTo(server);
  });

  itWithAddon('a server that the system has forgotten (ENOTCONN) counts as gone', async () => {
    const fails = failingAt([1], 'ENOTCONN');
    onAnotherSystem(scene, {
      connected: { peerCredentials: (next) => () => fails(() => next.peerCredentials()) },
    });
    const server = await listening();
    expect(await failureOf()).to.match(/^TransportUnavailable: .* went away: ENOTCONN/);
    await connectsTo(server);
  });

  itWithAddon('a client waits for a full queue that refuses (ECONNREFUSED) while the server lives', async () => {
    const server = await listening();
    let attempts = 0;
    onAnotherSystem(scene, {
      beforeConnect: () => {
        attempts += 1;
        if (attempts < 4) throw systemError('ECONNREFUSED');
      },
    });
    await connectsTo(server);
    expect(attempts).to.equal(4);
  });

  itWithAddon('a full queue that refuses (ECONNREFUSED) does not free the name of a living server', async () => {
    const server = await listening();
    onAnotherSystem(scene, {
      beforeConnect: () => {
        throw systemError('ECONNREFUSED');
      },
    });
    const second = new SharedMemoryServer(scene.config);
    const outcome = await second.listen();
    expect(outcome.ok ? 'listens' : outcome.error.code).to.equal('AddressInUse');
    expect(server.isListening()).to.equal(true);
  });

  // A client sees a reset where it had sent something unread, and the end of the stream where it had not.
  for (const end of ['ECONNRESET', 'the end']) {
    const endTheHandshake = (): void => {
      const fails = failingAt([1], 'ECONNRESET');
      onAnotherSystem(scene, {
        connected: {
          receive: (next) => (into) =>
            end === 'ECONNRESET'
              ? fails(() => next.receive(into))
              : { bytes: 0, descriptor: -1, descriptorLost: false, ended: true },
        },
      });
    };

    itWithAddon(`a living server ends the handshake (${end}): it has refused the client`, async () => {
      const server = await listening();
      endTheHandshake();
      expect(await failureOf()).to.match(/^HandshakeFailed: .*(?:ECONNRESET|without an answer)/);
      expect(server.isListening()).to.equal(true);
    });

    itWithAddon(`a dying server, which holds its lock a moment longer, ends the handshake (${end})`, async () => {
      await listening();
      endTheHandshake();
      const binding = unwrap(loadNativeBinding());
      const { isFileLocked } = binding;
      let looks = 0;
      let attempts = 0;
      onAnotherSystem(scene, {
        beforeConnect: () => {
          attempts += 1;
          if (attempts > 1) throw systemError('ECONNREFUSED');
        },
      });
      Reflect.set(binding, 'isFileLocked', () => {
        looks += 1;
        return looks < 3;
      });
      try {
        expect(await failureOf()).to.match(/^PeerDied: .* went away during the handshake/);
      } finally {
        Reflect.set(binding, 'isFileLocked', isFileLocked);
      }
      expect(looks).to.equal(3);
    });

    itWithAddon(`a server that another one has replaced ends the handshake (${end})`, async () => {
      const first = await listening();
      endTheHandshake();
      const answers: (() => void)[] = [];
      onAnotherSystem(scene, { connected: { watch: () => (callback) => answers.push(callback) } });
      const failing = failureOf();
      await until(() => answers.length > 0, 'the client waits for the answer');
      unwrap(await first.close());
      await listening();
      answers[0]?.();
      expect(await failing).to.match(/^PeerDied: .* went away during the handshake/);
    });
  }

  itWithAddon('a region without a free descriptor (EMFILE) is ResourceLimitExceeded', async () => {
    const fails = failingAt([1], 'EMFILE');
    onAnotherSystem(scene, { connected: { receive: (next) => (into) => fails(() => next.receive(into)) } });
    const server = await listening();
    expect(await failureOf()).to.match(/^ResourceLimitExceeded: .*EMFILE.*ulimit/);
    await connectsTo(server);
  });

  for (const call of ['ftruncate', 'fallocate']) {
    itWithAddon(`a region for which the system has no memory (ENOSPC of ${call}) is refused with advice`, async () => {
      await listening();
      const binding = unwrap(loadNativeBinding());
      const { createRegion } = binding;
      Reflect.set(binding, 'createRegion', () => {
        throw systemError('ENOSPC', call);
      });
      scene.onClose(() => Reflect.set(binding, 'createRegion', createRegion));
      const answer = await failureOf();
      expect(answer).to.match(/^ResourceLimitExceeded: .*could not create a region: ENOSPC \(there is no memory/);
      expect(answer).to.include('regionSize').and.not.include('file system');
      const second = await new SharedMemoryServer({ ...scene.config, endpoint: 'second' }).listen();
      const own = second.ok ? '' : `${second.error.code}: ${second.error.message}`;
      expect(own).to.match(/^ResourceLimitExceeded: .*ENOSPC.*\(there is no memory/);
    });
  }

  itWithAddon('a server without room for watches (ENOSPC) names the limit', async () => {
    onAnotherSystem(scene, {
      accepted: {
        watch: () => () => {
          throw systemError('ENOSPC', 'uv_poll_init');
        },
      },
    });
    await listening();
    const warned = once(process, 'warning');
    expect(await failureOf()).to.match(/^HandshakeFailed/);
    const [warning] = (await warned) as [Error];
    expect(warning.message).to.include('max_user_watches').and.not.include('file system');
  });

  itWithAddon("a client that the system can't watch (ENOSPC) is refused, and the next is served", async () => {
    const fails = failingAt([1], 'ENOSPC');
    onAnotherSystem(scene, {
      accepted: {
        watch: (next) => (callback) => {
          fails(() => {
            next.watch(callback);
          });
        },
      },
    });
    const server = await listening();
    const warned = once(process, 'warning');
    expect(await failureOf()).to.match(/^HandshakeFailed/);
    const [warning] = (await warned) as [Error];
    expect(warning.message).to.include("can't accept clients").and.include('ENOSPC');
    await connectsTo(server);
  });

  itWithAddon('a connection that the system can not watch (ENOSPC) fails alone', async () => {
    // The first watch is that of the handshake.
    const fails = failingAt([2], 'ENOSPC');
    onAnotherSystem(scene, {
      connected: {
        watch: (next) => (callback) => {
          fails(() => {
            next.watch(callback);
          });
        },
      },
    });
    const server = await listening();
    const failing = client();
    const ended = failing.closed;
    await failing.connect();
    const { state, error } = await ended;
    expect(state).to.equal('failed');
    expect(error?.message).to.include('ENOSPC');
    await unwrap(await server.accept()).disconnect();
    await connectsTo(server);
  });

  itWithAddon(
    'servers of one name that were too busy to answer in their share of the time are asked again',
    async () => {
      const config = {
        ...scene.config,
        connectTimeoutMs: 4000,
        sharedMemory: { ...scene.config.sharedMemory, share: true },
      };
      for (let count = 0; count < 2; count += 1) {
        const server = new SharedMemoryServer(config);
        scene.onClose(() => server.close());
        unwrap(await server.listen());
      }
      let asked = 0;
      onAnotherSystem(scene, {
        connected: {
          watch: (next) => (callback) => {
            asked += 1;
            // The answers of both servers come too late the first time.
            if (asked > 2) next.watch(callback);
          },
        },
      });
      const connection = new SharedMemoryConnection(config.endpoint, config);
      scene.onClose(() => connection.disconnect());
      unwrap(await connection.connect());
    },
  );

  itWithAddon('a socket that takes only a part of a message ends the handshake', async () => {
    const server = await listening();
    onAnotherSystem(scene, { connected: { send: (next) => (bytes) => next.send(bytes.subarray(0, 10)) } });
    expect(await failureOf()).to.match(/^HandshakeFailed: .*10 of 64 bytes/);
    expect(server.isListening()).to.equal(true);
  });

  itWithAddon('the descriptor of a region is held until the client has mapped it, and no longer', async () => {
    const binding = unwrap(loadNativeBinding());
    const steps: string[] = [];
    let passed = -1;
    onAnotherSystem(scene, {
      accepted: {
        send: (next) => (bytes, descriptor) => {
          if (descriptor !== undefined) {
            passed = descriptor;
            steps.push('passed');
          }
          return next.send(bytes, descriptor);
        },
        receive: (next) => (into) => {
          const received = next.receive(into);
          if (passed >= 0 && received.bytes > 0) steps.push('acknowledged');
          return received;
        },
      },
    });
    const { closeDescriptor } = binding;
    Reflect.set(binding, 'closeDescriptor', (descriptor: number) => {
      if (descriptor === passed) steps.push('closed');
      closeDescriptor(descriptor);
    });
    scene.onClose(() => Reflect.set(binding, 'closeDescriptor', closeDescriptor));
    await connectsTo(await listening());
    expect(steps).to.deep.equal(['passed', 'acknowledged', 'closed']);
  });
});
