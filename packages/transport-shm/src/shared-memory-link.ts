import { type FrameSink, NetworkError } from '@entropynet/core';
import { linkError } from './link-error.js';
import type { SharedMemoryConfig } from './shared-memory-options.js';
import type { LocalSocket } from './native-binding.js';
import { now } from './platform-time.js';
import {
  AWAKE,
  type RegionSide,
  sideLayout,
  type SideLayout,
  SLEEPS_ON_DOORBELL,
  SLEEPS_ON_FUTEX,
} from './region/layout.js';
import type { SharedMemoryRegion } from './region/shared-memory-region.js';
import { ringBetween } from './ring/ring-between.js';
import { RingReader } from './ring/ring-reader.js';
import { RingWriter } from './ring/ring-writer.js';
import { PeerProgress } from './wait/peer-progress.js';
import { PeerWaker } from './wait/peer-waker.js';
import { receiveLoop } from './wait/receive-loop.js';
import type { Receiver } from './wait/receiver.js';
import { stallWatch, type Watched } from './wait/stall-watch.js';
import { WaitStrategy } from './wait/wait-strategy.js';

/** The events of a link, for its connection. */
export interface LinkEvents {
  /** The receiver of the frames. */
  readonly sink: FrameSink;
  onWritable(): void;
  onResponsivenessChanged(isResponsive: boolean): void;
  /** All frames were delivered and the peer is gone: after a goodbye, or with the error that ended it. */
  onEnded(error: NetworkError | undefined): void;
}

/** The interval at which a thread that sleeps on the futex checks whether the peer has ended, in milliseconds. */
const HANG_UP_CHECK_MS = 25;

/** One end of a region with its socket: it wakes, sleeps, and notices the peer's end. It owns and releases both. */
export class SharedMemoryLink implements Receiver, Watched {
  readonly strategy: WaitStrategy;
  readonly pollMicroseconds: number;
  readonly writer: RingWriter;
  isReferenced = true;

  readonly #region: SharedMemoryRegion;
  readonly #side: RegionSide;
  readonly #socket: LocalSocket;
  readonly #reader: RingReader;
  readonly #own: SideLayout;
  /** The word in which the peer marks that it has said goodbye. */
  readonly #peerClosed: number;
  readonly #progress: PeerProgress;
  #events: LinkEvents | undefined;
  #isReceiving = false;
  #isClosed = false;
  #hasPeerGone = false;
  #failure: NetworkError | undefined;

  constructor(region: SharedMemoryRegion, socket: LocalSocket, side: RegionSide, config: SharedMemoryConfig) {
    this.#region = region;
    this.#side = side;
    this.#socket = socket;
    this.strategy = new WaitStrategy(config.wait);
    this.pollMicroseconds = config.pollMicroseconds;
    if (config.prefault) region.prefault();
    const own = sideLayout(side, region.ringCapacity);
    const peer = sideLayout(side === 'server' ? 'client' : 'server', region.ringCapacity);
    this.#own = own;
    this.#peerClosed = peer.closed;
    const waker = new PeerWaker(region, socket, peer.sleep);
    const memory = {
      words: region.words,
      bytes: region.bytes,
      capacity: region.ringCapacity,
      exchange: region.exchange === undefined ? undefined : this.#exchange,
    };
    const onCorrupted = (reason: string): void => {
      this.#fail(new NetworkError('SharedMemoryCorrupted', `the region is corrupt: ${reason}`));
    };
    this.writer = new RingWriter(ringBetween(memory, own, peer), {
      onWake: waker.wake,
      onCorrupted,
      onFrame: () => {
        stallWatch.expectProgress(this);
        this.#expectAnswer();
      },
      onDetached: (error) => {
        this.fail(error);
      },
    });
    this.#reader = new RingReader(ringBetween(memory, peer, own), {
      onRoom: waker.tellRoom,
      onCorrupted,
    });
    this.#progress = new PeerProgress(this.writer, this.#exchange, config.unresponsiveAfterMs);
  }

  /** The region's size in bytes. */
  get regionBytes(): number {
    return this.#region.byteLength;
  }

  get seemsToHaveWork(): boolean {
    return this.#reader.seemsToHaveFrames || this.writer.mayUnblock;
  }

  /** From now on `events` gets the reports, also of the peer's end. */
  attach(events: LinkEvents): void {
    this.#events = events;
  }

  /** Before `startReceiving()`: whether the peer is gone and left no frame. It reads the socket itself. */
  get isAbandoned(): boolean {
    if (this.#isReceiving || this.#isClosed) return false;
    try {
      this.#hasPeerGone ||= this.#socket.consumeRings();
    } catch {
      // The socket can't be read now. A later call checks it again.
      return false;
    }
    this.#exchange();
    return this.#hasPeerGone && !this.#reader.hasFrames;
  }

  /** Starts the delivery. */
  startReceiving(): void {
    if (this.#isClosed || this.#isReceiving) return;
    this.#isReceiving = true;
    try {
      this.#socket.watch(this.#onDoorbell);
    } catch (error) {
      // The system has no resource left for watching the socket.
      this.fail(error);
      return;
    }
    stallWatch.add(this);
    // Not urgent, because the caller has not finished its set-up.
    this.wakeUp(false);
  }

  setReferenced(isReferenced: boolean): void {
    this.isReferenced = isReferenced;
    if (this.#isClosed) return;
    if (isReferenced) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Blocks this thread until there is work, the peer has ended, or `timeoutMs` is over. */
  waitForWork(timeoutMs: number): boolean {
    if (this.#isClosed) return false;
    try {
      return this.#waitForWork(timeoutMs);
    } catch (error) {
      this.fail(error);
      return true;
    }
  }

  #waitForWork(timeoutMs: number): boolean {
    const words = this.#region.words;
    const sleep = this.#own.sleep;
    const end = now() + timeoutMs;
    for (let left = timeoutMs; left > 0 && !this.#hasWork && !this.#hasPeerGone; left = end - now()) {
      // SYNC POINT(sleep): declares, checks again, then sleeps; pairs with RingWriter.publishTail and #tellRoom.
      Atomics.store(words, sleep, SLEEPS_ON_FUTEX);
      this.writer.declareNeed();
      if (!this.#hasWork) this.#region.waitOnWord(sleep, SLEEPS_ON_FUTEX, Math.min(left, HANG_UP_CHECK_MS));
      Atomics.store(words, sleep, AWAKE);
      // Only the socket reports the peer's death; a futex does not.
      if (!this.#hasWork) this.#readSocket();
    }
    this.wakeUp(false);
    return this.#hasWork || this.#hasPeerGone;
  }

  work(limit: number): number {
    const sink = this.#events?.sink;
    const count = sink === undefined ? 0 : this.#reader.drain(limit, sink);
    // Room comes second: its report may make the program send for a long time, while messages for it wait.
    const isWritable = !this.#isClosed && this.writer.checkUnblocked();
    if (isWritable) this.#events?.onWritable();
    if (count === 0 && this.#hasPeerGone && !this.#isClosed && !this.#reader.hasFrames) this.#end();
    return isWritable ? count + 1 : count;
  }

  wakeUp(isUrgent: boolean): void {
    if (!this.#isReceiving || this.#isClosed) return;
    Atomics.store(this.#region.words, this.#own.sleep, AWAKE);
    receiveLoop.wake(this, isUrgent);
  }

  trySleep(): boolean {
    if (this.#isClosed) return true;
    const words = this.#region.words;
    // SYNC POINT(sleep): declares before it checks the ring again; pairs with RingWriter.publishTail.
    Atomics.store(words, this.#own.sleep, SLEEPS_ON_DOORBELL);
    // STEP(sleep: declared)
    if (!this.#reader.hasFrames) {
      this.writer.reportNextFrame();
      return true;
    }
    Atomics.store(words, this.#own.sleep, AWAKE);
    return false;
  }

  checkResponsiveness(nowMs: number): boolean {
    const isResponsive = this.#progress.look(nowMs);
    if (isResponsive !== undefined) this.#events?.onResponsivenessChanged(isResponsive);
    // After the event, whose listener may have claimed room.
    if (this.#progress.isComplete) this.writer.reportNextFrame();
    return !this.#progress.isComplete;
  }

  // The models show that no interleaving loses a wake. A faulty peer may lose one, which then costs a second.
  checkMissedWake(): void {
    if (this.seemsToHaveWork) this.wakeUp(false);
  }

  /** Ends the connection, because one of its members threw: there was no memory, or its memory was detached. */
  fail(error: unknown): void {
    if (!this.#isClosed) this.#fail(linkError(error, this.#region.isDetached));
  }

  /** Says goodbye: the peer reads the ring to its end, and then the mark. */
  sayGoodbye(): void {
    // The mark comes before the close of the socket: the peer reads it when the stream ends.
    if (!this.#isClosed && !this.#region.isDetached) this.#region.markClosed(this.#side);
    // STEP(disconnect: goodbye said)
  }

  /** Releases everything: first the reader, so that no code accesses the region when it is unmapped. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events = undefined;
    stallWatch.remove(this);
    receiveLoop.remove(this);
    this.#reader.close();
    this.writer.close();
    this.#socket.close();
    // STEP(disconnect: socket closed)
    this.#region.unmap();
  }

  get #hasWork(): boolean {
    return this.#reader.hasFrames || this.writer.mayUnblock;
  }

  /** If this process works on a copy of the region: copies the changes of both sides. */
  readonly #exchange = (): void => {
    if (this.#isClosed || this.#region.exchange?.() !== true) return;
    this.#socket.ring();
  };

  readonly #onDoorbell = (): void => {
    try {
      // The message comes first, because the peer waits for its answer and not for an empty socket.
      this.wakeUp(true);
      if (this.#isClosed) return;
      this.#readSocket();
      // This read may have taken a wake that came after this side had gone back to sleep.
      this.wakeUp(true);
    } catch (error) {
      this.fail(error);
    }
  };

  /** Reads the wakes from the socket, and notices if the peer has closed its end. */
  #readSocket(): void {
    if (!this.#socket.consumeRings()) return;
    this.#hasPeerGone = true;
    this.#socket.unwatch();
  }

  /** This side sends a frame. If it sleeps, it wakes before the peer can answer, so that the answer needs no doorbell. */
  #expectAnswer(): void {
    const isAsleep = this.#region.words[this.#own.sleep] !== AWAKE;
    // An unreferenced link has no turn before the next millisecond, and a doorbell comes earlier.
    if (isAsleep && this.isReferenced && this.strategy.wantsAnswer()) this.wakeUp(false);
  }

  /** The peer is gone, and every frame that arrived was delivered. */
  #end(): void {
    if (this.#failure === undefined && Atomics.load(this.#region.words, this.#peerClosed) !== 1) {
      const reason = 'the peer ended without saying goodbye: its process died or was killed';
      this.#failure = new NetworkError('PeerDied', reason);
    }
    this.#events?.onEnded(this.#failure);
  }

  #fail(error: NetworkError): void {
    this.#failure = error;
    this.#events?.onEnded(error);
  }
}
