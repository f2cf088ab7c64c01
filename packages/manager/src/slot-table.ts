import { hold } from '@entropynet/core/handle';
const MAX_GENERATION = 0xffff_ffff;

/** A hold on one slot. No other hold has the same index and generation. */
export interface Seat {
  readonly index: number;
  /** At least 1. */
  readonly generation: number;
}

/** What sits in a slot: a session of a handle. */
export interface Seated {
  readonly seat: Seat;
  /** Whether its handles are invalid. */
  readonly isOver: boolean;
  /** Makes its handles invalid at once, then ends its connection. */
  close(): Promise<void>;
}

/** The places of a manager's connections. A connection that has ended for good leaves its slot, and its handle lives on. */
export class SlotTable {
  readonly #sessions: (Seated | undefined)[];
  readonly #generations: number[];
  /** Last in, first out: a slot used lately is still in the processor's caches. */
  readonly #free: number[];
  /** Of those that left their slot and whose handles are still valid. Weak, so that a dropped handle costs nothing. */
  readonly #retired = new Set<WeakRef<Seated>>();
  readonly #dropped = new FinalizationRegistry<WeakRef<Seated>>((session) => this.#retired.delete(session));
  /** Sessions that are being closed, and when that is done. */
  readonly #closing = new Map<Seated, Promise<void>>();
  #inUse = 0;

  constructor(capacity: number) {
    this.#sessions = Array.from({ length: capacity }, () => undefined);
    this.#generations = Array.from({ length: capacity }, () => 1);
    this.#free = Array.from({ length: capacity }, (_unused, index) => capacity - 1 - index);
  }

  /** How many slots there are. */
  get capacity(): number {
    return this.#sessions.length;
  }

  /** How many sessions have a slot. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Takes a slot, for `occupy` or `giveBack`; undefined where none is free. */
  take(): Seat | undefined {
    const index = this.#free.pop();
    return index === undefined ? undefined : { index, generation: this.#generations[index] as number };
  }

  /** The session sits in the slot that was taken for it. */
  occupy(session: Seated): void {
    this.#sessions[session.seat.index] = session;
    this.#inUse += 1;
  }

  /** The slot was taken for nothing. */
  giveBack({ index, generation }: Seat): void {
    this.#generations[index] = generation === MAX_GENERATION ? 1 : generation + 1;
    this.#free.push(index);
  }

  /** The session has ended for good: its slot is free from here on, its handles answer until they are closed. */
  retire(session: Seated): void {
    if (!this.#vacate(session)) return;
    const reference = new WeakRef(session);
    this.#retired.add(reference);
    this.#dropped.register(session, reference);
  }

  /** Makes the session's handles invalid at once, then ends its connection; its slot is free when this resolves. */
  close(session: Seated): Promise<void> {
    if (session.isOver) return this.#closing.get(session) ?? Promise.resolve();
    return hold(
      (closing) => this.#closing.set(session, closing),
      async () => {
        try {
          await session.close();
        } finally {
          this.#vacate(session);
          this.#closing.delete(session);
        }
      },
    );
  }

  /** Does that to every session, also to those that have left their slot. */
  async closeAll(): Promise<void> {
    const retired = [...this.#retired].map((reference) => reference.deref());
    this.#retired.clear();
    for (const session of [...this.#sessions, ...retired]) if (session !== undefined) void this.close(session);
    await Promise.all(this.#closing.values());
  }

  /** @returns whether the slot was still this session's */
  #vacate(session: Seated): boolean {
    const { seat } = session;
    if (this.#sessions[seat.index] !== session) return false;
    this.#sessions[seat.index] = undefined;
    this.#inUse -= 1;
    this.giveBack(seat);
    return true;
  }
}
