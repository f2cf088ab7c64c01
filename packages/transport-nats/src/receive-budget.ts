import { MIN_GRANT_BYTES } from './nats-protocol.js';
import { MIN_WINDOW_BYTES } from './nats-options.js';

/**
 * The bytes that all lanes over one NATS connection may have on the way to this side: the NATS server keeps them while this
 * side does not read, and cuts it where they are more than its `max_pending`. Half of the bytes is set aside, so that every
 * lane has the least window; the other half goes to the lanes that receive.
 */
export class ReceiveBudget {
  readonly #total: number;
  readonly #shares = new Set<ReceiveShare>();
  /** What was granted beyond the least windows. */
  #extra = 0;

  /** @param total bytes of all lanes together */
  constructor(total: number) {
    this.#total = total;
  }

  /** How many lanes there can be. */
  get capacity(): number {
    return Math.floor(this.#total / 2 / MIN_WINDOW_BYTES);
  }

  /** A new lane's share; undefined where there are as many lanes as can be. */
  join(windowBytes: number): ReceiveShare | undefined {
    if (this.#shares.size >= this.capacity) return undefined;
    const share = new ReceiveShare(this, windowBytes);
    this.#shares.add(share);
    return share;
  }

  /** Gives a share's bytes back. */
  leave(share: ReceiveShare): void {
    if (this.#shares.delete(share)) this.#extra -= extraOf(share.outstanding);
  }

  /** How much one lane should have on the way. */
  targetOf(windowBytes: number): number {
    const fair = Math.floor(this.#total / 2 / Math.max(1, this.#shares.size));
    return Math.max(MIN_WINDOW_BYTES, Math.min(windowBytes, MIN_WINDOW_BYTES + fair));
  }

  /** Notes a share's new bytes on the way. */
  change(from: number, to: number): void {
    this.#extra += extraOf(to) - extraOf(from);
  }

  /** How far a share may grow now. */
  limitOf({ outstanding }: ReceiveShare): number {
    const free = Math.max(0, Math.floor(this.#total / 2) - this.#extra);
    return Math.max(MIN_WINDOW_BYTES, outstanding + free);
  }
}

function extraOf(outstanding: number): number {
  return Math.max(0, outstanding - MIN_WINDOW_BYTES);
}

/** What one lane may have on the way to this side. */
export class ReceiveShare {
  readonly #budget: ReceiveBudget;
  readonly #windowBytes: number;
  #outstanding = 0;

  constructor(budget: ReceiveBudget, windowBytes: number) {
    this.#budget = budget;
    this.#windowBytes = windowBytes;
  }

  /** What was granted and has not arrived. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** So many bytes arrived; false where they were not granted. */
  spend(bytes: number): boolean {
    if (bytes > this.#outstanding) return false;
    this.#set(this.#outstanding - bytes);
    return true;
  }

  /** How many bytes the peer may now send on top; 0 while that is not worth a message. */
  renew(): number {
    const goal = Math.min(this.#budget.targetOf(this.#windowBytes), this.#budget.limitOf(this));
    const wanted = goal - this.#outstanding;
    if (wanted < Math.max(MIN_GRANT_BYTES, goal >>> 2)) return 0;
    this.#set(this.#outstanding + wanted);
    return wanted;
  }

  /** The lane is over. */
  leave(): void {
    this.#budget.leave(this);
  }

  #set(outstanding: number): void {
    this.#budget.change(this.#outstanding, outstanding);
    this.#outstanding = outstanding;
  }
}
