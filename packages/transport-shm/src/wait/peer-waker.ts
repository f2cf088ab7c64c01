import type { LocalSocket } from '../native-binding.js';
import { AWAKE, SLEEPS_ON_FUTEX } from '../region/layout.js';
import type { SharedMemoryRegion } from '../region/shared-memory-region.js';

/** Wakes the peer of a link, in the way in which it sleeps. */
export class PeerWaker {
  readonly #region: SharedMemoryRegion;
  readonly #socket: LocalSocket;
  readonly #sleepIndex: number;

  /** @param sleepIndex the word of the region in which the peer declares that it sleeps */
  constructor(region: SharedMemoryRegion, socket: LocalSocket, sleepIndex: number) {
    this.#region = region;
    this.#socket = socket;
    this.#sleepIndex = sleepIndex;
  }

  /** Wakes the peer, whose declaration that it sleeps was reset. */
  readonly wake = (declaration: number): void => {
    if (declaration === SLEEPS_ON_FUTEX) this.#region.wakeWord(this.#sleepIndex);
    else this.#socket.ring();
  };

  /** Reports to the peer, which waits for room, that there is room now. */
  readonly tellRoom = (): void => {
    const sleep = this.#sleepIndex;
    // SYNC POINT(sleep): after the head, in one total order with the peer's declaration and its re-check. The word changes
    // before the wake, so that a peer that is about to sleep stays awake.
    const isOnFutex = Atomics.compareExchange(this.#region.words, sleep, SLEEPS_ON_FUTEX, AWAKE) === SLEEPS_ON_FUTEX;
    this.wake(isOnFutex ? SLEEPS_ON_FUTEX : AWAKE);
  };
}
