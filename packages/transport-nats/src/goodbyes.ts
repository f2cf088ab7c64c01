import type { Arrivals } from './arrivals.js';
import { decodeGoodbye, encodeGoodbye } from './lane-messages.js';
import { Kind } from './nats-protocol.js';
import type { OutgoingLanes } from './outgoing-lanes.js';

/** Both sides' goodbyes on a link. Each one follows all frames of its side. */
export class Goodbyes {
  readonly #outgoing: OutgoingLanes;
  readonly #arrivals: Arrivals;
  /** The number of the last message of the peer's bulk lane, after the peer has said goodbye. */
  #ofPeer: number | undefined;
  /** The state of this side's goodbye. It waits for the frames that were written before it. */
  #own: 'not meant' | 'due' | 'said' = 'not meant';
  #onTaken: (() => void) | undefined;

  constructor(outgoing: OutgoingLanes, arrivals: Arrivals) {
    this.#outgoing = outgoing;
    this.#arrivals = arrivals;
  }

  /** Means to say goodbye after all written frames. Resolves when the peer has taken it, or after `stop()`. */
  mean(): Promise<void> {
    this.#own = 'due';
    return new Promise((resolve) => {
      this.#onTaken = resolve;
    });
  }

  /** Says goodbye if this side means to and all its frames are published. */
  say(): void {
    const [prompt, bulk] = this.#outgoing;
    if (this.#own !== 'due' || !prompt.isEmpty || !bulk.isEmpty) return;
    this.#own = 'said';
    prompt.tell(Kind.Goodbye, encodeGoodbye(bulk.number));
  }

  /** The peer has taken this side's goodbye. */
  onTaken(): void {
    this.#onTaken?.();
  }

  /** Handles the peer's goodbye. Returns whether it is well formed. */
  onGoodbye(body: Uint8Array): boolean {
    this.#ofPeer = decodeGoodbye(body);
    return this.#ofPeer !== undefined;
  }

  /**
   * Takes the peer's goodbye if all messages before it have arrived. Returns whether the link ends with it: this side's
   * own goodbye may be on its way, and the peer takes that before it ends.
   */
  take(): boolean {
    const last = this.#ofPeer;
    if (last === undefined || !this.#arrivals.hasAllOf(last)) return false;
    this.#ofPeer = undefined;
    this.#outgoing[0].tell(Kind.GoodbyeTaken);
    return this.#own === 'not meant';
  }

  /** The link has ended: nothing waits for the peer any more. */
  stop(): void {
    this.#onTaken?.();
  }
}
