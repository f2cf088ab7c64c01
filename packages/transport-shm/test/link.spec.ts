import { turns, until } from '@entropynet/conformance/tools';
import { resolveConnectionConfig, unwrap } from '@entropynet/core';
import type { LocalSocket, NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { AWAKE, sideLayout, SLEEPS_ON_FUTEX } from '@entropynet/transport-shm/internal/region/layout';
import { SharedMemoryRegion } from '@entropynet/transport-shm/internal/region/shared-memory-region';
import type { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { SharedMemoryLink } from '@entropynet/transport-shm/internal/shared-memory-link';
import { expect } from 'chai';
import { clientWriter } from '@entropynet/test/support/shared-memory/shared-memory-support';

const REGION_BYTES = 65_536;

/** A link that sleeps, over memory of this process, with a socket that the test rings, and the peer's writer. */
class LinkHarness {
  readonly link: SharedMemoryLink;
  readonly writer: RingWriter;
  readonly received: number[] = [];
  readonly responsiveness: boolean[] = [];
  readonly ends: (string | undefined)[] = [];
  /** Rings that wait in the socket. */
  rings = 0;
  /** Called when the link empties the socket, before it does. */
  onConsume: () => void = () => undefined;
  /** Called when the link blocks its thread. */
  onWait: () => void = () => undefined;
  /** Called when the link wakes a peer that blocks its thread. */
  onWakeWord: () => void = () => undefined;
  #listener: () => void = () => undefined;
  readonly #words: Int32Array;
  readonly #peerHead: number;
  readonly #peerSleep: number;
  readonly #needIndex: number;
  readonly #sleepIndex: number;

  constructor(wait: 'sleep' | 'adaptive' = 'sleep') {
    const binding = {
      createRegion: (byteLength: number) => ({ buffer: new ArrayBuffer(byteLength), descriptor: -1 }),
      unmapRegion: () => undefined,
      waitOnWord: () => {
        this.onWait();
        return 'timed-out';
      },
      wakeWord: () => {
        this.onWakeWord();
        return 0;
      },
    } as unknown as NativeBinding;
    const block = { identity: new Uint8Array(16), serverProcessId: 1, clientProcessId: 2 };
    const { region } = unwrap(SharedMemoryRegion.create(binding, 'direct', REGION_BYTES, block));
    const socket = {
      watch: (listener: () => void) => {
        this.#listener = listener;
      },
      consumeRings: () => {
        this.onConsume();
        this.rings = 0;
        return false;
      },
      close: () => undefined,
    } as unknown as LocalSocket;
    const { sharedMemory } = unwrap(
      resolveConnectionConfig({
        endpoint: 'harness',
        sharedMemory: { wait, regionSize: REGION_BYTES, unresponsiveAfterMs: 1000 },
      }),
    );
    this.link = new SharedMemoryLink(region, socket, 'server', sharedMemory);
    this.link.attach({
      sink: { receive: (header) => void this.received.push(header) },
      onWritable: () => undefined,
      onResponsivenessChanged: (isResponsive) => this.responsiveness.push(isResponsive),
      onEnded: (error) => this.ends.push(error?.code),
    });
    this.#words = region.words;
    const own = sideLayout('server', region.ringCapacity);
    this.#needIndex = own.waitsForRoom;
    this.#sleepIndex = own.sleep;
    const peer = sideLayout('client', region.ringCapacity);
    this.#peerHead = peer.head;
    this.#peerSleep = peer.sleep;
    this.writer = clientWriter(region, () => {
      this.rings += 1;
    });
  }

  write(header: number): void {
    this.writer.tryWrite(header, new Uint8Array(4), 0, 4);
  }

  /** Whether the link has declared that it is awake. */
  get isAwake(): boolean {
    return this.#words[this.#sleepIndex] === AWAKE;
  }

  /** Whether the link has declared that it needs room. */
  get needsRoom(): boolean {
    return this.#words[this.#needIndex] === 1;
  }

  /** What the peer does when it reports room. */
  turnBackNeed(): void {
    this.#words[this.#needIndex] = 0;
  }

  /** The peer reads everything that the link has written. */
  readEverything(): void {
    Atomics.store(this.#words, this.#peerHead, this.link.writer.written);
  }

  /** The peer blocks its thread. */
  blockPeer(): void {
    Atomics.store(this.#words, this.#peerSleep, SLEEPS_ON_FUTEX);
  }

  /** What the event loop does as long as the socket is readable. */
  ringUntilQuiet(): void {
    while (this.rings > 0) this.#listener();
  }
}

describe('a link that sleeps', () => {
  it('delivers the frames that its doorbell announced', async () => {
    const harness = new LinkHarness();
    harness.link.startReceiving();
    await turns(3);
    harness.write(1);
    expect(harness.rings).to.equal(1);
    harness.ringUntilQuiet();
    expect(harness.received).to.deep.equal([1]);
    harness.link.close();
  });

  it('misses no frame whose wake-up it reads together with an older one', async () => {
    const harness = new LinkHarness();
    harness.link.startReceiving();
    await turns(3);
    // The doorbell rings for nothing; the peer writes after this side has gone back to sleep, before the socket is emptied.
    harness.rings = 1;
    harness.onConsume = () => {
      harness.onConsume = () => undefined;
      harness.write(2);
    };
    harness.ringUntilQuiet();
    await turns(3);
    expect(harness.received).to.deep.equal([2]);
    harness.link.close();
  });

  it('declares that it needs room again before its thread blocks, because an old report may have gone to the doorbell', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.startReceiving();
    while (link.writer.tryWrite(1, new Uint8Array(1000), 0, 1000));
    expect(harness.needsRoom).to.equal(true);
    harness.turnBackNeed();
    const seen: boolean[] = [];
    harness.onWait = () => {
      seen.push(harness.needsRoom);
      harness.readEverything();
    };
    expect(link.waitForWork(1000)).to.equal(true);
    expect(seen).to.deep.equal([true]);
    link.close();
  });

  it('sends although the system refuses to wake a peer that blocks its thread: only the peer can cause that', () => {
    const harness = new LinkHarness();
    harness.onWakeWord = () => {
      throw Object.assign(new Error('EACCES: permission denied, OpenEvent'), { code: 'EACCES' });
    };
    harness.blockPeer();
    expect(harness.link.writer.tryWrite(1, new Uint8Array(4), 0, 4)).to.equal(true);
    expect(harness.ends).to.deep.equal([]);
    harness.link.close();
  });

  it('wakes when it sends, so that the answer needs no doorbell, until four windows were in vain', async () => {
    const harness = new LinkHarness('adaptive');
    const { link } = harness;
    link.startReceiving();
    await until(() => !harness.isAwake, 'the first window is over');
    const wakes: boolean[] = [];
    for (let frame = 0; frame < 4; frame += 1) {
      link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
      wakes.push(harness.isAwake);
      await until(() => !harness.isAwake, 'the link sleeps again');
    }
    expect(wakes).to.deep.equal([true, true, true, false]);
    link.close();
  });

  it('finds the answer to what it sent without a doorbell', async () => {
    const harness = new LinkHarness('adaptive');
    const { link } = harness;
    link.startReceiving();
    await until(() => !harness.isAwake, 'the first window is over');
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    harness.write(2);
    await until(() => harness.received.length === 1, 'the answer was delivered');
    expect(harness.rings).to.equal(0);
    link.close();
  });

  it('stays asleep when it sends, if it never polls', async () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.startReceiving();
    await until(() => !harness.isAwake, 'the link sleeps');
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    expect(harness.isAwake).to.equal(false);
    link.close();
  });

  /** Looks every 250 ms, as the timer does. */
  const look = (link: SharedMemoryLink, fromMs: number, toMs: number): void => {
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += 250) link.checkResponsiveness(nowMs);
  };

  it('counts the time without progress from the arrival of data', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    look(link, 0, 10_000);
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    look(link, 10_250, 11_000);
    expect(harness.responsiveness).to.deep.equal([]);
    look(link, 11_250, 11_250);
    expect(harness.responsiveness).to.deep.equal([false]);
    link.close();
  });

  it('does not blame the peer if this thread was busy before the write', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    look(link, 60_000, 61_000);
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    // The first look comes late, and at a moment at which the peer had no time to read.
    link.checkResponsiveness(64_000);
    expect(harness.responsiveness).to.deep.equal([]);
    link.close();
  });

  it('does not blame the peer if this thread was blocked while data was unread', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    look(link, 0, 250);
    link.checkResponsiveness(60_000);
    expect(harness.responsiveness).to.deep.equal([]);
    look(link, 60_250, 60_250);
    expect(harness.responsiveness).to.deep.equal([false]);
    link.close();
  });

  it('notices a peer that reads again, and then stops checking until the next write', () => {
    const harness = new LinkHarness();
    const { link } = harness;
    link.writer.tryWrite(1, new Uint8Array(4), 0, 4);
    look(link, 0, 1000);
    harness.readEverything();
    for (const nowMs of [1250, 1500, 9000]) link.checkResponsiveness(nowMs);
    expect(harness.responsiveness).to.deep.equal([false, true]);
    link.close();
  });

  it('needs no check once the peer has read everything, and needs one after each way of writing', () => {
    const writes: ((writer: RingWriter) => void)[] = [
      (writer) => writer.tryWrite(1, new Uint8Array(4), 0, 4),
      (writer) => {
        writer.beginBatch();
        writer.tryWrite(1, new Uint8Array(4), 0, 4);
        writer.endBatch();
      },
      (writer) => {
        writer.tryClaim(4);
        writer.commitClaim(1);
      },
    ];
    for (const write of writes) {
      const harness = new LinkHarness();
      const { link } = harness;
      link.startReceiving();
      expect(link.checkResponsiveness(0)).to.equal(false);
      write(link.writer);
      expect(link.checkResponsiveness(250)).to.equal(true);
      harness.readEverything();
      expect(link.checkResponsiveness(500)).to.equal(false);
      expect(harness.responsiveness).to.deep.equal([true]);
      link.close();
    }
  });
});
