import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { ftruncateSync } from 'node:fs';
import { turns, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import {
  CLIENT_LIBRARY_OFFSET,
  CLIENT_SLEEP_OFFSET,
  CLIENT_TAIL_OFFSET,
  CONTROL_BLOCK_BYTES,
  LAYOUT_VERSION_OFFSET,
  MAGIC_OFFSET,
  REGION_BYTES_OFFSET,
  RING_CAPACITY_OFFSET,
  SERVER_HEAD_OFFSET,
  SERVER_PROCESS_ID_OFFSET,
  SERVER_TAIL_OFFSET,
  sideLayout,
} from '@entropynet/transport-shm/internal/region/layout';
import { clientWriter } from '../support/shared-memory/shared-memory-support.js';
import { addon, describeFaults, faultTest, linux } from './support/fault-test.js';
import { type Answer, grant } from './support/hostile.js';
import { meet, openRaw, sceneOf } from './support/hostile-region.js';

/** The outcomes of a client whose server wrote one wrong byte: the first byte of each range, and its outcome. */
const WRONG_BYTES = [
  [MAGIC_OFFSET, 'SharedMemoryCorrupted'],
  [LAYOUT_VERSION_OFFSET, 'IncompatibleVersion'],
  [REGION_BYTES_OFFSET, 'SharedMemorySizeMismatch'],
  [RING_CAPACITY_OFFSET, 'SharedMemoryCorrupted'],
  // Process ids and times are for tools.
  [SERVER_PROCESS_ID_OFFSET, 'served'],
  [SERVER_TAIL_OFFSET, 'SharedMemoryCorrupted'],
  // An empty ring needs no head, and only 1 is a goodbye.
  [SERVER_HEAD_OFFSET, 'served'],
  // A client's words must be 0 when it maps them.
  [CLIENT_TAIL_OFFSET, 'SharedMemoryCorrupted'],
  [CLIENT_LIBRARY_OFFSET - 4, 'served'],
  [CLIENT_SLEEP_OFFSET, 'SharedMemoryCorrupted'],
  [CLIENT_SLEEP_OFFSET + 8, 'served'],
] as const;

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
      expect(outcome, `byte ${index}`).to.equal(WRONG_BYTES.findLast(([start]) => start <= index)?.[1]);
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
      // It publishes its own count, not the number in the region: 16 bytes a frame.
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

  faultTest('H1', 'two sides of one machine disagree about the version', [addon], async ({ scope, saw }) => {
    const scene = sceneOf(scope);
    const outcome = await meet(scope, scene, (socket, binding) => {
      grant(socket, binding, { change: (bytes) => (bytes[4] = 2) });
    });
    expect(outcome).to.equal('IncompatibleVersion');
    saw(outcome);
  });
});
