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
import { receiveLoop, type Receiver } from './wait/receive-loop.js';
import { stallWatch, type Watched } from './wait/stall-watch.js';
import { WaitStrategy } from './wait/wait-strategy.js';

/** What a link tells its connection. */
export interface LinkEvents {
  /** Where the frames go. */
  readonly sink: FrameSink;
  onWritable(): void;
  onResponsivenessChanged(isResponsive: boolean): void;
  /** All frames were delivered and the peer is gone: after a goodbye, or with the error that ended it. */
  onEnded(error: NetworkError | undefined): void;
}

/** How often a thread that blocks on the futex looks whether the peer has hung up, in milliseconds. */
const HANG_UP_CHECK_MS = 25;

/** One end of a region with its socket: wakes, sleeps, notices the peer's end. Owns both and gives them back once. */
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
  readonly #peer: SideLayout;
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
    this.#peer = peer;
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
      onWake: (declaration) => {
        this.#wakePeer(declaration);
      },
      onCorrupted,
      onDetached: (error) => {
        this.fail(error);
      },
    });
    this.#reader = new RingReader(ringBetween(memory, peer, own), {
      onRoom: () => {
        this.#tellRoom();
      },
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

  /** Receives the reports from here on. The peer's end is noticed from here on too. */
  attach(events: LinkEvents): void {
    this.#events = events;
  }

  /** Whether nobody receives here, and the peer has gone and left nothing to read. It asks the socket, which nobody watches. */
  get isAbandoned(): boolean {
    if (this.#isReceiving || this.#isClosed) return false;
    try {
      this.#hasPeerGone ||= this.#socket.consumeRings();
    } catch {
      // What it passed can't be received now; whether it has gone is asked again.
      return false;
    }
    this.#exchange();
    return this.#hasPeerGone && !this.#reader.hasFrames;
  }

  /** Delivers from here on. */
  startReceiving(): void {
    if (this.#isClosed || this.#isReceiving) return;
    this.#isReceiving = true;
    try {
      this.#socket.watch(() => {
        try {
          this.#onDoorbell();
        } catch (error) {
          this.fail(error);
        }
      });
    } catch (error) {
      // The system has nothing left to watch it with.
      this.fail(error);
      return;
    }
    stallWatch.add(this);
    // Not urgent: the caller is in the middle of its set-up.
    this.#rouse(false);
  }

  setReferenced(isReferenced: boolean): void {
    this.isReferenced = isReferenced;
    if (this.#isClosed) return;
    if (isReferenced) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Blocks this thread until there is something to do, the peer's end included, or time is up. */
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
      // SYNC POINT(sleep): declared, then looked again, then asleep; pairs with RingWriter.#publish and #tellRoom.
      Atomics.store(words, sleep, SLEEPS_ON_FUTEX);
      this.writer.declareNeed();
      if (!this.#hasWork) this.#region.waitOnWord(sleep, SLEEPS_ON_FUTEX, Math.min(left, HANG_UP_CHECK_MS));
      Atomics.store(words, sleep, AWAKE);
      // A futex tells of no death: only the socket does.
      if (!this.#hasWork) this.#readSocket();
    }
    this.#rouse(false);
    return this.#hasWork || this.#hasPeerGone;
  }

  work(limit: number): number {
    const isWritable = this.writer.checkUnblocked();
    if (isWritable) this.#events?.onWritable();
    const sink = this.#events?.sink;
    const count = sink === undefined ? 0 : this.#reader.drain(limit, sink);
    if (count === 0 && this.#hasPeerGone && !this.#isClosed && !this.#reader.hasFrames) this.#end();
    return isWritable ? count + 1 : count;
  }

  hasAnswered(): boolean {
    return this.writer.hasWrittenMore();
  }

  trySleep(): boolean {
    if (this.#isClosed) return true;
    const words = this.#region.words;
    // SYNC POINT(sleep): declared before the ring is looked at again; pairs with RingWriter.#publish.
    Atomics.store(words, this.#own.sleep, SLEEPS_ON_DOORBELL);
    // STEP(sleep: declared)
    if (!this.#reader.hasFrames) return true;
    Atomics.store(words, this.#own.sleep, AWAKE);
    return false;
  }

  checkResponsiveness(nowMs: number): void {
    const isResponsive = this.#progress.look(nowMs);
    if (isResponsive !== undefined) this.#events?.onResponsivenessChanged(isResponsive);
  }

  // No interleaving loses a wake, as the model shows; a peer with a fault of its own may, and that costs a second then.
  checkMissedWake(): void {
    if (this.seemsToHaveWork) this.#rouse(false);
  }

  /** Ends the connection: one of its members threw, because there was no memory or because its memory was taken away. */
  fail(error: unknown): void {
    if (!this.#isClosed) this.#fail(linkError(error, this.#region.isDetached));
  }

  /** Says goodbye: the peer reads what is in the ring, then finds the mark. */
  sayGoodbye(): void {
    // Before the socket closes: the peer asks for this mark when it sees the end of the stream.
    if (!this.#isClosed && !this.#region.isDetached) this.#region.markClosed(this.#side);
    // STEP(disconnect: goodbye said)
  }

  /** Gives everything back: the reader first, so that nothing touches the region when it goes. Idempotent. */
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

  /** Only where this process works on a copy of the region: carries over what changed. */
  readonly #exchange = (): void => {
    if (this.#isClosed || this.#region.exchange?.() !== true) return;
    this.#socket.ring();
  };

  #onDoorbell(): void {
    // The message first: emptying the socket is not what the peer waits for.
    this.#rouse(true);
    if (this.#isClosed) return;
    this.#readSocket();
    // A ring that came after this side had gone back to sleep was taken with the others.
    this.#rouse(true);
  }

  /** Takes the wakes that are in the socket, and notices that the peer has closed its end. */
  #readSocket(): void {
    if (!this.#socket.consumeRings()) return;
    this.#hasPeerGone = true;
    this.#socket.unwatch();
  }

  #rouse(isUrgent: boolean): void {
    if (!this.#isReceiving || this.#isClosed) return;
    Atomics.store(this.#region.words, this.#own.sleep, AWAKE);
    receiveLoop.wake(this, isUrgent);
  }

  /** The peer waits for room and there is some now. */
  #tellRoom(): void {
    const { words } = this.#region;
    const { sleep } = this.#peer;
    // SYNC POINT(sleep): after the head, in one total order with the peer's declaration and its re-check. The word changes
    // before the wake, so that a peer on its way to sleep does not fall asleep behind it.
    if (Atomics.compareExchange(words, sleep, SLEEPS_ON_FUTEX, AWAKE) === SLEEPS_ON_FUTEX) this.#region.wakeWord(sleep);
    else this.#socket.ring();
  }

  #wakePeer(declaration: number): void {
    if (declaration === SLEEPS_ON_FUTEX) this.#region.wakeWord(this.#peer.sleep);
    else this.#socket.ring();
  }

  /** Everything that arrived was delivered and the peer is gone. */
  #end(): void {
    if (this.#failure === undefined && Atomics.load(this.#region.words, this.#peer.closed) !== 1) {
      this.#failure = new NetworkError(
        'PeerDied',
        'the peer ended without saying goodbye: its process died or was killed',
      );
    }
    this.#events?.onEnded(this.#failure);
  }

  #fail(error: NetworkError): void {
    this.#failure = error;
    this.#events?.onEnded(error);
  }
}
