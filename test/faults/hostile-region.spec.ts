import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Scope, turns, until, within } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type FrameSink, type NetworkConnection, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, type SharedMemoryServer } from '@entropynet/transport-shm';
import { CONTROL_BLOCK_BYTES, sideLayout } from '@entropynet/transport-shm/internal/region/layout';
import { RingReader } from '@entropynet/transport-shm/internal/ring/ring-reader';
import { type RingLocation, RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { clientWriter, nativeBinding, reached, Scene } from '../support/shared-memory/shared-memory-support.js';
import type { AdversaryPlan } from './support/adversary-worker.js';
import { addon, describeFaults, faultTest, linux, rounds, superuser } from './support/fault-test.js';
import { grant, IDENTITY, rawConnect, serveHostilely, type Answer, type RawConnection } from './support/hostile.js';

const O_PATH = 0o10000000;

/** A scene of the test's own. */
function sceneOf(scope: Scope): Scene {
  const scene = new Scene();
  scope.defer(() => scene.close());
  return scene;
}

/** What a client comes to at a server that answers so: a code, or how the connection ended. */
async function meet(
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
async function openRaw(scope: Scope): Promise<{
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

describeFaults('a hostile region', () => {
  faultTest('H1', 'each byte of the control block is wrong', [addon], async ({ scope, saw }) => {
    const scene = sceneOf(scope);
    const outcomes = new Map<string, number>();
    for (let index = 0; index < CONTROL_BLOCK_BYTES; index += 1) {
      const change = (bytes: Uint8Array): void => {
        bytes[index]! ^= 0xff;
      };
      const outcome = await meet(scope, scene, (socket, binding) => {
        grant(socket, binding, { change });
      });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      const isChecked = index < 32;
      if (isChecked) {
        const codes = ['SharedMemoryCorrupted', 'IncompatibleVersion', 'SharedMemorySizeMismatch'];
        expect(outcome, `byte ${index}`).to.be.oneOf(codes);
      } else expect(outcome, `byte ${index}`).to.be.oneOf(['served', 'SharedMemoryCorrupted', 'InvalidMessage']);
    }
    saw([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '));
  });

  const SILENCES: Readonly<Record<string, Answer>> = {
    'never answers': () => undefined,
    'answers by half': (socket) => socket.send(new Uint8Array(20)),
  };
  for (const [what, answer] of Object.entries(SILENCES)) {
    faultTest('H2', `a server ${what}`, [addon], async ({ scope, saw }) => {
      const outcome = await meet(scope, sceneOf(scope), answer, { connectTimeoutMs: 100 });
      expect(outcome).to.equal('Timeout');
      saw(outcome);
    });
  }

  faultTest(['H3', 'H4'], 'words change between two reads during traffic', [addon], async ({ scope, saw }) => {
    const binding = nativeBinding()!;
    const byteLength = 65_536;
    const { buffer, descriptor } = binding.createRegion(byteLength);
    scope.defer(() => {
      binding.closeDescriptor(descriptor);
      binding.unmapRegion(buffer);
    });
    // Small, so that the adversary often meets the frame that is being read.
    const capacity = 1024;
    const own = sideLayout('client', capacity);
    const peer = sideLayout('server', capacity);
    const location: RingLocation = {
      words: new Int32Array(buffer, 0, byteLength >> 2),
      bytes: new Uint8Array(buffer),
      start: own.ringStart,
      capacity,
      tail: own.tail,
      head: peer.head,
      consumerSleep: peer.sleep,
      producerWaits: own.waitsForRoom,
    };
    const adversary = await startAdversary(scope, {
      descriptor,
      byteLength,
      words: wordsOf(location),
      frames: [location.start >> 2, capacity >> 2],
    });
    const wanted = 10_000_000;
    const payload = new Uint8Array(200);
    let frames = 0;
    let corruptions = 0;
    let outside = 0;
    while (frames < wanted) {
      for (const index of [location.tail, location.head]) Atomics.store(location.words, index, 0);
      let isCorrupt = false;
      const onCorrupted = (): void => {
        isCorrupt = true;
        corruptions += 1;
      };
      const writer = new RingWriter(location, { onWake: () => undefined, onCorrupted });
      const sink: FrameSink = {
        receive: (_header, bytes, start, end) => {
          frames += 1;
          const isInside = start <= end && start >= location.start && end <= location.start + capacity;
          if (!isInside || bytes !== location.bytes) outside += 1;
        },
      };
      const reader = new RingReader(location, {
        onRoom: () => undefined,
        onCorrupted,
      });
      for (let batch = 0; batch < 2000 && !isCorrupt && frames < wanted; batch += 1) {
        for (let count = 0; count < 16; count += 1) writer.tryWrite(0, payload, 0, (batch * 16 + count) % 200);
        reader.drain(64, sink);
        writer.checkUnblocked();
      }
    }
    const changes = await adversary.stop();
    expect(outside).to.equal(0);
    expect(changes).to.be.greaterThan(1000);
    saw(`${frames} frames, ${changes} changes, ${corruptions} found corrupt, none outside the region`);
  });

  faultTest(
    ['H3', 'H4', 'H7'],
    'a whole connection whose words change all the time',
    [addon],
    async ({ scope, saw }) => {
      const scene = sceneOf(scope);
      const server = await scene.server();
      const count = rounds(20, 400);
      const outcomes = new Map<string, number>();
      for (let round = 0; round < count; round += 1) {
        const raw = await rawConnect(scope, scene.config);
        const accepted = unwrap(await server.accept());
        accepted.setMessageCallback((data) => accepted.trySend(data));
        const failed = reached(accepted, 'failed');
        accepted.startReceiving();
        const own = sideLayout('client', raw.ringCapacity);
        const peer = sideLayout('server', raw.ringCapacity);
        const words = [
          own.tail,
          own.head,
          own.sleep,
          own.waitsForRoom,
          peer.tail,
          peer.head,
          peer.sleep,
          peer.waitsForRoom,
        ];
        const adversary = await startAdversary(scope, {
          ...raw,
          words,
          frames: [CONTROL_BLOCK_BYTES >> 2, (raw.byteLength - CONTROL_BLOCK_BYTES) >> 2],
          seed: round + 1,
        });
        const writer = clientWriter({ ...raw });
        const payload = new Uint8Array(300);
        for (let turn = 0; turn < 20 && accepted.isConnected(); turn += 1) {
          for (let index = 0; index < 50; index += 1) writer.tryWrite(0, payload, 0, index);
          raw.socket.ring();
          await turns(1);
        }
        await adversary.stop();
        raw.socket.close();
        const error = (await within(failed, 'the connection has ended')) as { code: string } | undefined;
        outcomes.set(error?.code ?? 'none', (outcomes.get(error?.code ?? 'none') ?? 0) + 1);
        expect(error?.code).to.be.oneOf(['SharedMemoryCorrupted', 'InvalidMessage', 'PeerDied']);
      }
      const { client } = await scene.pair(server);
      expect(client.isConnected()).to.equal(true);
      saw([...outcomes].map(([code, number]) => `${code} ${number}`).join(', '));
    },
  );

  faultTest('H5', 'bytes of a message change after its delivery', [addon], async ({ scope }) => {
    const { accepted, raw } = await openRaw(scope);
    const kept: Uint8Array[] = [];
    accepted.setMessageCallback((data) => kept.push(data));
    accepted.startReceiving();
    clientWriter({ ...raw }).tryWrite(0, new Uint8Array(500).fill(5), 0, 500);
    raw.socket.ring();
    await until(() => kept.length === 1, 'the message was delivered');
    raw.bytes.fill(0xee, CONTROL_BLOCK_BYTES + raw.ringCapacity);
    expect(kept[0]).to.deep.equal(new Uint8Array(500).fill(5));
  });

  faultTest('H7', "this side's own words are rewritten", [addon], async ({ scope, saw }) => {
    const { accepted, raw } = await openRaw(scope);
    const received: Uint8Array[] = [];
    accepted.setMessageCallback((data) => received.push(data));
    accepted.startReceiving();
    const own = sideLayout('server', raw.ringCapacity);
    const writer = clientWriter({ ...raw });
    for (let round = 1; round <= 20; round += 1) {
      for (const index of [own.tail, own.head, own.closed]) Atomics.store(raw.words, index, 0x7fff_fff0 + round);
      writer.tryWrite(0, Uint8Array.of(round), 0, 1);
      raw.socket.ring();
      await until(() => received.length === round, 'the message was delivered');
      unwrap(accepted.trySend(Uint8Array.of(round)));
      // What it publishes is its own count, not what it found there: 16 bytes a frame.
      expect(Atomics.load(raw.words, own.tail)).to.equal(16 * round);
    }
    expect(accepted.getState()).to.equal('connected');
    saw('without effect: both positions are private');
  });

  faultTest('H8', 'the peer changes the size of the region', [addon, linux], async ({ scope, saw }) => {
    const { accepted, raw } = await openRaw(scope);
    for (const size of [0, 4096, raw.byteLength - 1, raw.byteLength + 1, 2 * raw.byteLength]) {
      expect(() => {
        ftruncateSync(raw.descriptor, size);
      }, `to ${size}`)
        .to.throw()
        .with.property('code', 'EPERM');
    }
    expect(accepted.isConnected()).to.equal(true);
    saw('EPERM: the seals hold');
  });

  faultTest('H10', 'the peer punches holes into the region', [addon, linux], async ({ scope, saw }) => {
    const { scene, server, accepted, raw } = await openRaw(scope);
    accepted.setMessageCallback((data) => accepted.trySend(data));
    accepted.startReceiving();
    const writer = clientWriter({ ...raw });
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 20; index += 1) writer.tryWrite(0, new Uint8Array(200).fill(1), 0, 200);
      const size = String(raw.byteLength);
      const punched = spawnSync('fallocate', ['--punch-hole', '--offset', '0', '--length', size, '/proc/self/fd/3'], {
        stdio: ['ignore', 'ignore', 'pipe', raw.descriptor],
      });
      expect(punched.status, String(punched.stderr)).to.equal(0);
      raw.socket.ring();
      await turns(5);
    }
    const { client } = await scene.pair(server);
    expect(client.isConnected()).to.equal(true);
    saw(`${accepted.getState()}: zeros in the place of frames, and no signal`);
  });

  describe('the peer passes', () => {
    const expectRefused = async (
      scope: Scope,
      saw: (outcome: string) => void,
      answer: Answer,
      codes = ['SharedMemoryPermission', 'SharedMemoryNotAvailable', 'SharedMemorySizeMismatch', 'HandshakeFailed'],
    ): Promise<void> => {
      const outcome = await meet(scope, sceneOf(scope), answer);
      expect(outcome).to.be.oneOf(codes);
      saw(outcome);
    };
    const openers: Readonly<Record<string, (scene: Scene) => [path: string, flags: string | number]>> = {
      'a file': (scene) => [join(scene.directory, 'file'), 'w+'],
      'a file in /dev/shm': () => [`/dev/shm/entropynet-test-${process.pid}`, 'w+'],
      'a directory': (scene) => [scene.directory, 'r'],
      'a device': () => ['/dev/zero', 'r+'],
      'a name without access (O_PATH)': () => ['/etc/hostname', O_PATH],
      'a FIFO': (scene) => {
        const path = join(scene.directory, 'fifo');
        expect(spawnSync('mkfifo', [path]).status).to.equal(0);
        return [path, 'r+'];
      },
    };
    for (const [what, open] of Object.entries(openers)) {
      faultTest('H9', what, [addon, linux], async ({ scope, saw }) => {
        const scene = sceneOf(scope);
        const [path, flags] = open(scene);
        const descriptor = openSync(path, flags);
        if (flags === 'w+') ftruncateSync(descriptor, 65_536);
        scope.defer(() => {
          closeSync(descriptor);
          if (path.startsWith('/dev/shm')) rmSync(path);
        });
        await expectRefused(scope, saw, (socket, binding) => {
          grant(socket, binding, { descriptor });
        });
      });
    }

    faultTest('H9', 'nothing', [addon], ({ scope, saw }) =>
      expectRefused(scope, saw, (socket, binding) => {
        grant(socket, binding, { descriptor: null });
      }),
    );

    for (const [what, byteLength, announced] of [
      ['larger than announced', 131_072, 65_536],
      ['smaller than announced', 65_536, 65_537],
      ['larger than asked for', 131_072, 131_072],
      ['announced without a byte', 65_536, 0],
      ['as large as the control block', 65_536, 256],
      ['that has room for no frame', 264, 264],
      ['below the least that is allowed', 65_535, 65_535],
      ['announced with 4 GiB', 65_536, 0xffff_ffff],
    ] as const) {
      faultTest(['H1', 'H9'], `a region ${what}`, [addon], ({ scope, saw }) =>
        expectRefused(scope, saw, (socket, binding) => {
          grant(socket, binding, { byteLength, announced });
        }),
      );
    }

    for (const word of [128, 132, 136, 200, 204]) {
      faultTest('H20', `a region with the client's word at ${word} written`, [addon], ({ scope, saw }) =>
        expectRefused(
          scope,
          saw,
          (socket, binding) => {
            grant(socket, binding, { change: (bytes) => bytes.fill(8, word, word + 1) });
          },
          ['SharedMemoryCorrupted'],
        ),
      );
    }

    faultTest('H9', 'another region than the announced one', [addon], ({ scope, saw }) =>
      expectRefused(
        scope,
        saw,
        (socket, binding) => {
          grant(socket, binding, {
            change: (bytes) =>
              bytes.set(
                IDENTITY.map((byte) => byte + 1),
                16,
              ),
          });
        },
        ['SharedMemoryCorrupted'],
      ),
    );

    faultTest('H9', 'huge pages (where the system has some)', [addon, linux, superuser], async ({ scope, saw }) => {
      const scene = sceneOf(scope);
      const folder = join(scene.directory, 'huge');
      mkdirSync(folder);
      const mounted = spawnSync('mount', ['-t', 'hugetlbfs', 'none', folder]);
      if (mounted.status !== 0) {
        saw('no hugetlbfs here: the kernel has none to pass');
        return;
      }
      scope.defer(() => spawnSync('umount', [folder]));
      const descriptor = openSync(join(folder, 'file'), 'w+');
      scope.defer(() => {
        closeSync(descriptor);
      });
      await expectRefused(scope, saw, (socket, binding) => {
        grant(socket, binding, { descriptor });
      });
    });
  });

  faultTest('H1', 'two sides of one machine disagree about the version', [addon], async ({ scope, saw }) => {
    const scene = sceneOf(scope);
    const outcome = await meet(scope, scene, (socket, binding) => {
      grant(socket, binding, { change: (bytes) => (bytes[4] = 2) });
    });
    expect(outcome).to.equal('IncompatibleVersion');
    saw(outcome);
  });
});

function wordsOf({ tail, head, consumerSleep, producerWaits }: RingLocation): number[] {
  return [tail, head, consumerSleep, producerWaits];
}

/** A thread that changes words of the region until it is stopped; `stop` tells how many times. */
async function startAdversary(
  scope: Scope,
  plan: Omit<AdversaryPlan, 'control' | 'seed'> & { readonly seed?: number },
): Promise<{ stop(): Promise<number> }> {
  const control = new SharedArrayBuffer(8);
  const { descriptor, byteLength, words, frames, seed = 12_345 } = plan;
  const worker = new Worker(new URL('./support/adversary-worker.js', import.meta.url), {
    workerData: { descriptor, byteLength, words, frames, seed, control } satisfies AdversaryPlan,
  });
  const exited = once(worker, 'exit');
  const stop = async (): Promise<number> => {
    Atomics.store(new Int32Array(control), 0, 1);
    await exited;
    return Atomics.load(new Int32Array(control), 1);
  };
  scope.defer(stop);
  await once(worker, 'message');
  return { stop };
}
