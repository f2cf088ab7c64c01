import { expect } from 'chai';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf, labelOf, messageOf, openLink, turns, until, untilPeer } from '@entropynet/conformance/tools';
import { frameHeader, FrameType, type NetworkConnection, unwrap } from '@entropynet/core';
import { sideLayout } from '@entropynet/transport-shm/internal/region/layout';
import { webSocketFixture } from '../support/web-socket-fixture.js';
import { clientWriter, reached, Scene } from '../support/shared-memory/shared-memory-support.js';
import { addon, describeFaults, faultTest, rounds } from './support/fault-test.js';
import { rawConnect } from './support/hostile.js';
import { contextOf, ownFixture, ownProcess } from './support/processes.js';

const FIXTURES = [
  ['shared memory', ownFixture, [addon]],
  ['WebSocket', () => webSocketFixture, []],
] as const;

function detached(): Uint8Array {
  const bytes = new Uint8Array(50);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** Values that are not messages. Each causes a TypeError that names its kind. */
const NO_MESSAGES: Readonly<Record<string, () => unknown>> = {
  'a detached buffer': detached,
  'a Float32Array': () => new Float32Array(4),
  'a BigUint64Array': () => new BigUint64Array(4),
  'a DataView': () => new DataView(new ArrayBuffer(8)),
  'an ArrayBuffer': () => new ArrayBuffer(8),
  'a SharedArrayBuffer': () => new SharedArrayBuffer(8),
  'a string': () => 'text',
  'an object that looks like one': () => ({ length: 4, byteLength: 4, buffer: new ArrayBuffer(4), byteOffset: 0 }),
  'a proxy of one': () => new Proxy(new Uint8Array(4), {}),
  null: () => null,
};

/** Unusual byte arrays. Exactly their bytes must arrive. */
const UNUSUAL: Readonly<Record<string, () => Uint8Array>> = {
  'a view of shared memory': () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(5000));
    bytes.set(messageOf(5000, 3));
    return bytes;
  },
  'the middle of a large buffer': () => {
    const bytes = new Uint8Array(3_000_000);
    bytes.set(messageOf(5000, 3), 2_500_001);
    return bytes.subarray(2_500_001, 2_505_001);
  },
  'a Buffer of the pool': () => Buffer.from(messageOf(50, 3)),
  'a view of a resizable buffer': () => {
    const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer;
    const bytes = new Uint8Array(new Resizable(5000, { maxByteLength: 10_000 }));
    bytes.set(messageOf(5000, 3));
    return bytes;
  },
  'a subclass with its own length': () => {
    class Liar extends Uint8Array {
      override get byteLength(): number {
        return 1_000_000;
      }
    }
    const bytes = new Liar(5000);
    bytes.set(messageOf(5000, 3));
    return bytes;
  },
  nothing: () => new Uint8Array(0),
};

describeFaults('inputs', () => {
  for (const [transport, fixtureOf, needs] of FIXTURES) {
    faultTest('H19', `invalid messages, over ${transport}`, needs, async ({ scope, saw }) => {
      const fixture = fixtureOf(scope);
      const host = await ownProcess(scope, fixture, {});
      const { local, peer } = await openLink(contextOf(fixture, 'client'), scope, { host });
      for (const [what, make] of Object.entries(NO_MESSAGES)) {
        const data = make() as Uint8Array;
        for (const send of ['send', 'trySend'] as const) expect(() => local[send](data), what).to.throw(TypeError);
      }
      unwrap(await local.send(messageOf(10, 1)));
      await untilPeer(peer, 1);
      expect((await peer.labels()).length).to.equal(1);
      saw(`TypeError for each of ${Object.keys(NO_MESSAGES).length}; nothing was sent`);
    });

    faultTest('H19', `unusual arrays, over ${transport}`, needs, async ({ scope, saw }) => {
      const fixture = fixtureOf(scope);
      const host = await ownProcess(scope, fixture, {});
      const { local, peer } = await openLink(contextOf(fixture, 'client'), scope, { host });
      const expected: string[] = [];
      for (const make of Object.values(UNUSUAL)) {
        const data = make();
        expected.push(labelOf(Uint8Array.prototype.slice.call(data, 0)));
        unwrap(await local.send(data));
      }
      await untilPeer(peer, expected.length);
      expect(await peer.labels()).to.deep.equal(expected);
      saw('exactly the bytes given');
    });

    faultTest(
      'H19',
      `an array changes or goes away while its message waits, over ${transport}`,
      needs,
      async (context) => {
        const { scope } = context;
        const fixture = fixtureOf(scope);
        const host = await ownProcess(scope, fixture, {});
        const { local, peer } = await openLink(contextOf(fixture, 'client'), scope, { host });
        const large = messageOf(5_000_000, 1);
        const label = labelOf(large);
        const sent = local.send(large);
        large.fill(0);
        const second = messageOf(300_000, 2);
        const secondLabel = labelOf(second);
        const waiting = local.send(second);
        structuredClone(second.buffer, { transfer: [second.buffer as ArrayBuffer] });
        unwrap(await sent);
        unwrap(await waiting);
        await untilPeer(peer, 2);
        expect(await peer.labels()).to.deep.equal([label, secondLabel]);
      },
    );

    faultTest('H14', `channel names, over ${transport}`, needs, async ({ scope, saw }) => {
      const fixture = fixtureOf(scope);
      const host = await ownProcess(scope, fixture, {});
      const { local, peer } = await openLink(contextOf(fixture, 'client'), scope, { host, config: { maxChannels: 8 } });
      for (const name of ['', 'x'.repeat(65_536), 'lonely \ud800 surrogate']) {
        expect(codeOf(await local.openChannel(name)), JSON.stringify(name.slice(0, 20))).to.equal('InvalidParameter');
      }
      for (const name of [5, null, {}, ['a']]) {
        expect(() => local.openChannel(name as string)).to.throw(TypeError);
      }
      const odd = ['__proto__', 'constructor', 'toString', 'with\0zero', '名前 🚀', '../x', ' '];
      for (const name of odd) {
        unwrap(await local.openChannel(name));
        unwrap(await local.openChannel(name));
        await peer.receive({ channel: name });
        unwrap(await local.sendOnChannel(name, messageOf(100, 1)));
        await untilPeer(peer, 1, name);
      }
      expect(({} as { count?: number }).count).to.equal(undefined);
      unwrap(await local.openChannel('the eighth'));
      expect(codeOf(await local.openChannel('the ninth'))).to.equal('ResourceLimitExceeded');
      saw('InvalidParameter where impossible; the others are just names; the limit holds');
    });

    faultTest('H12', `a peer that stopped reading, over ${transport}`, needs, async ({ scope, saw }) => {
      const fixture = fixtureOf(scope);
      const host = await ownProcess(scope, fixture, {});
      const { local, recorder, peer } = await openLink(contextOf(fixture, 'client'), scope, { host });
      await peer.pause();
      while (local.trySend(messageOf(10_000, 1)).ok);
      const before = resident();
      const end = performance.now() + rounds(1000, 60_000);
      let refused = 0;
      const message = messageOf(1000, 1);
      while (performance.now() < end) {
        for (let index = 0; index < 1000; index += 1) if (!local.trySend(message).ok) refused += 1;
        await pause(1);
      }
      const grown = (resident() - before) / 1048576;
      expect(grown).to.be.lessThan(32);
      expect(refused).to.be.greaterThan(1000);
      const drained = recorder.drains.length;
      await peer.receive({});
      await until(() => recorder.drains.length > drained, 'there is room again');
      saw(`${refused} times WouldBlock, ${grown.toFixed(1)} MiB more, then drain`);
    });
  }

  describe('floods of a hostile client', () => {
    type Frames = readonly (readonly [type: FrameType, payload: Uint8Array])[];
    const total = (length: number): Uint8Array => new Uint8Array(Uint32Array.of(length).buffer);
    const fragments = (count: number): Frames =>
      Array.from({ length: count }, () => [FrameType.Fragment, Uint8Array.of(7)]);
    /** The frames that the test repeats, and the number of messages that result. */
    const FLOODS: Readonly<Record<string, readonly [frames: Frames, messages: number]>> = {
      'empty messages': [[[FrameType.Message, new Uint8Array(0)]], 1],
      'messages of a byte': [[[FrameType.Message, new Uint8Array(1)]], 1],
      'messages in fragments of a byte': [[[FrameType.MessageStart, total(1000)], ...fragments(1000)], 1],
      'long messages that are begun and given up': [
        [
          [FrameType.MessageStart, total(16 * 1024 * 1024)],
          ...fragments(1),
          [FrameType.MessageAbort, new Uint8Array(0)],
        ],
        0,
      ],
    };
    for (const [what, [frames, messages]] of Object.entries(FLOODS)) {
      faultTest('H13', what, [addon], async ({ scope, saw }) => {
        const scene = new Scene();
        scope.defer(() => scene.close());
        const server = await scene.server();
        const raw = await rawConnect(scope, scene.config);
        const accepted = scope.add(unwrap(await server.accept()));
        let received = 0;
        accepted.setMessageCallback(() => {
          received += 1;
        });
        accepted.startReceiving();
        let ticks = 0;
        const timer = setInterval(() => (ticks += 1), 1);
        scope.defer(() => {
          clearInterval(timer);
        });
        const before = resident();
        const wanted = Math.ceil(rounds(200_000, 1_000_000) / frames.length) * frames.length;
        const writer = clientWriter({ ...raw });
        let sent = 0;
        while (sent < wanted && accepted.isConnected()) {
          const [type, payload] = frames[sent % frames.length]!;
          if (writer.tryWrite(frameHeader(type, 0), payload, 0, payload.length)) sent += 1;
          else {
            raw.socket.ring();
            await turns(1);
            writer.checkUnblocked();
          }
        }
        raw.socket.ring();
        const due = (sent / frames.length) * messages;
        await until(() => received === due || !accepted.isConnected(), 'what was sent has arrived');
        expect(accepted.isConnected()).to.equal(true);
        const grown = (resident() - before) / 1048576;
        expect(ticks).to.be.greaterThan(5);
        expect(grown).to.be.lessThan(64);
        const { client } = await scene.pair(server);
        expect(client.isConnected()).to.equal(true);
        saw(`${sent} frames, ${received} messages delivered, timers ran ${ticks} times, ${grown.toFixed(1)} MiB more`);
      });
    }

    faultTest('H13', 'a long message with only one byte', [addon], async ({ scope, saw }) => {
      const scene = new Scene({ sendTimeoutMs: 300 });
      scope.defer(() => scene.close());
      const server = await scene.server();
      const raw = await rawConnect(scope, scene.config);
      const accepted = scope.add(unwrap(await server.accept()));
      const received: number[] = [];
      accepted.setMessageCallback((data) => received.push(data.length));
      accepted.startReceiving();
      const writer = clientWriter({ ...raw });
      const write = (type: FrameType, payload: Uint8Array): void => {
        expect(writer.tryWrite(frameHeader(type, 0), payload, 0, payload.length)).to.equal(true);
      };
      write(FrameType.Message, new Uint8Array(1));
      raw.socket.ring();
      await until(() => received.length === 1, 'the first message came');
      globalThis.gc?.();
      const before = process.memoryUsage().arrayBuffers;
      write(FrameType.MessageStart, total(16 * 1024 * 1024));
      for (const [type, payload] of fragments(1)) write(type, payload);
      raw.socket.ring();
      const consumed = (): number => Atomics.load(raw.words, sideLayout('server', raw.ringCapacity).head);
      // Three frames and the payload of this one: 16, 16 and 16 bytes.
      await until(() => consumed() === 48, 'both frames were taken');
      const grown = process.memoryUsage().arrayBuffers - before;
      expect(grown).to.be.lessThan(1024 * 1024);
      expect(accepted.isConnected()).to.equal(true);
      saw(`${(grown / 1024).toFixed(0)} KiB for an announced 16 MiB`);
    });

    faultTest(['H13', 'H14'], 'channels beyond every limit', [addon], async ({ scope, saw }) => {
      const scene = new Scene({ maxChannels: 100, sendTimeoutMs: 300 });
      scope.defer(() => scene.close());
      const server = await scene.server();
      const raw = await rawConnect(scope, scene.config);
      const accepted: NetworkConnection = scope.add(unwrap(await server.accept()));
      const failed = reached(accepted, 'failed');
      const opened: string[] = [];
      accepted.on('channel', (name) => opened.push(name));
      accepted.startReceiving();
      const writer = clientWriter({ ...raw });
      for (let id = 1; id <= 10_000 && accepted.isConnected(); id += 1) {
        const name = new TextEncoder().encode(`channel ${id}`);
        while (
          !writer.tryWrite(frameHeader(FrameType.ChannelOpen, id), name, 0, name.length) &&
          accepted.isConnected()
        ) {
          raw.socket.ring();
          await turns(1);
          writer.checkUnblocked();
        }
      }
      raw.socket.ring();
      const error = accepted.isConnected() ? undefined : ((await failed) as { code?: string } | undefined);
      expect(opened.length).to.be.at.most(100);
      saw(`${opened.length} of 10000 opened; ${error?.code ?? 'the others were refused'}`);
      const { client } = await scene.pair(server);
      expect(client.isConnected()).to.equal(true);
    });
  });
});

function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
