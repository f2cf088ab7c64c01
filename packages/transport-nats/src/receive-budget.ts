import { MIN_GRANT_BYTES } from './nats-protocol.js';
import { MIN_WINDOW_BYTES } from './nats-options.js';

/**
 * The limit for the bytes of all lanes of one NATS connection that are in flight to this side. The NATS server holds
 * them while this side does not read, and disconnects this side if they exceed its `max_pending`. Half of the limit is
 * reserved, so that every lane has the smallest window. The other half goes to the lanes that receive.
 */
export class ReceiveBudget {
  readonly #total: number;
  readonly #shares = new Set<ReceiveShare>();
  /** The granted bytes beyond the smallest windows. */
  #extra = 0;

  /** @param total the limit for all lanes together, in bytes */
  constructor(total: number) {
    this.#total = total;
  }

  /** The largest number of lanes. */
  get capacity(): number {
    return Math.floor(this.#total / 2 / MIN_WINDOW_BYTES);
  }

  /** Returns the share of a new lane; undefined if the largest number of lanes exists. */
  join(windowBytes: number): ReceiveShare | undefined {
    if (this.#shares.size >= this.capacity) return undefined;
    const share = new ReceiveShare(this, windowBytes);
    this.#shares.add(share);
    return share;
  }

  /** Releases a share's bytes. */
  leave(share: ReceiveShare): void {
    if (this.#shares.delete(share)) this.#extra -= extraOf(share.outstanding);
  }

  /** Returns the number of bytes that one lane should have in flight. */
  targetOf(windowBytes: number): number {
    const fair = Math.floor(this.#total / 2 / Math.max(1, this.#shares.size));
    return Math.max(MIN_WINDOW_BYTES, Math.min(windowBytes, MIN_WINDOW_BYTES + fair));
  }

  /** Notes a change of a share's bytes in flight. */
  change(from: number, to: number): void {
    this.#extra += extraOf(to) - extraOf(from);
  }

  /** Returns the limit to which a share may grow now. */
  limitOf({ outstanding }: ReceiveShare): number {
    const free = Math.max(0, Math.floor(this.#total / 2) - this.#extra);
    return Math.max(MIN_WINDOW_BYTES, outstanding + free);
  }
}

function extraOf(outstanding: number): number {
  return Math.max(0, outstanding - MIN_WINDOW_BYTES);
}

/** The limit for one lane's bytes in flight to this side. */
export class ReceiveShare {
  readonly #budget: ReceiveBudget;
  readonly #windowBytes: number;
  #outstanding = 0;

  constructor(budget: ReceiveBudget, windowBytes: number) {
    this.#budget = budget;
    this.#windowBytes = windowBytes;
  }

  /** The granted bytes that have not arrived. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Counts bytes that arrived. Returns false if they were not granted. */
  spend(bytes: number): boolean {
    if (bytes > this.#outstanding) return false;
    this.#set(this.#outstanding - bytes);
    return true;
  }

  /** Returns the number of further bytes that the peer may send; 0 while it is not worth a message. */
  renew(): number {
    const goal = Math.min(this.#budget.targetOf(this.#windowBytes), this.#budget.limitOf(this));
    const wanted = goal - this.#outstanding;
    if (wanted < Math.max(MIN_GRANT_BYTES, goal >>> 2)) return 0;
    this.#set(this.#outstanding + wanted);
    return wanted;
  }

  /** The lane has ended. */
  leave(): void {
    this.#budget.leave(this);
  }

  #set(outstanding: number): void {
    this.#budget.change(this.#outstanding, outstanding);
    this.#outstanding = outstanding;
  }
}
