import { expect } from 'chai';
import { once } from 'node:events';
import { unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { loadNativeBinding, type LocalSocket } from '@entropynet/transport-shm/internal/native-binding';
import { itWithAddon, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';

/** What a system says instead of doing it. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test says`), { code, errno: -1, syscall: 'test' });
}

/** Answers that take the place of a socket's own; `next` is the socket itself. */
type Answers = { [Method in keyof LocalSocket]?: (next: LocalSocket) => LocalSocket[Method] };

/** Where the sockets come from that get other answers. */
interface Sockets {
  readonly connected?: Answers;
  readonly accepted?: Answers;
  /** Called before each `connect`; what it throws is what `connect` says. */
  beforeConnect?(): void;
}

/** A socket with some answers of another system. */
function answering(socket: LocalSocket, answers: Answers): LocalSocket {
  return new Proxy(socket, {
    get(target, name) {
      const answer = answers[name as keyof LocalSocket] as ((next: LocalSocket) => unknown) | undefined;
      if (answer !== undefined) return answer(target);
      const member = Reflect.get(target, name, target) as unknown;
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** A system that answers otherwise than this one, until the scene is closed. */
function onAnotherSystem(scene: Scene, { connected = {}, accepted = {}, beforeConnect }: Sockets): void {
  const binding = unwrap(loadNativeBinding());
  const real = binding.LocalSocket;
  const put = (sockets: typeof real): boolean => Reflect.set(binding, 'LocalSocket', sockets);
  put({
    listen: (path, backlog) =>
      answering(real.listen(path, backlog), {
        accept: (next) => () => {
          const client = next.accept();
          return client === null ? null : answering(client, accepted);
        },
      }),
    connect: (path) => {
      beforeConnect?.();
      return answering(real.connect(path), connected);
    },
  });
  scene.onClose(() => put(real));
}

/** Throws at the given calls, counted from 1, and is the socket's own otherwise. */
function failingAt(calls: readonly number[], code: string): <Method>(method: () => Method) => Method {
  let count = 0;
  return (method) => {
    count += 1;
    if (calls.includes(count)) throw systemError(code);
    return method();
  };
}

describe('what other systems answer', () => {
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

  itWithAddon('a full queue that refuses (ECONNREFUSED) gives the name of a living server to nobody', async () => {
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
  }

  itWithAddon('a region without a free descriptor (EMFILE) is ResourceLimitExceeded', async () => {
    const fails = failingAt([1], 'EMFILE');
    onAnotherSystem(scene, { connected: { receive: (next) => (into) => fails(() => next.receive(into)) } });
    const server = await listening();
    expect(await failureOf()).to.match(/^ResourceLimitExceeded: .*EMFILE.*ulimit/);
    await connectsTo(server);
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
