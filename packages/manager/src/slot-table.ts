import { Roster } from '@entropynet/core';
import { hold } from '@entropynet/core/handle';
const MAX_GENERATION = 0xffff_ffff;

/** A taken slot. No other one has the same index and generation. */
export interface Seat {
  readonly index: number;
  /** At least 1. */
  readonly generation: number;
}

/** The content of a slot: the session of a handle. */
export interface Seated {
  readonly seat: Seat;
  /** Whether its handles are invalid. */
  readonly isOver: boolean;
  /** Makes its handles invalid at once, then ends its connection. */
  close(): Promise<void>;
}

/**
 * The slots of a manager's connections. An accepted connection that has ended frees its slot, but its handle stays
 * valid.
 */
export class SlotTable {
  readonly #sessions: (Seated | undefined)[];
  readonly #generations: number[];
  /** Last in, first out: a recently used slot is still in the processor's caches. */
  readonly #free: number[];
  /**
   * Sessions that have left their slot and whose handles are still valid. Weak references: a dropped handle costs
   * nothing.
   */
  readonly #retired = new Roster<WeakRef<Seated>>();
  readonly #retiredAs = new WeakMap<Seated, WeakRef<Seated>>();
  readonly #dropped = new FinalizationRegistry<WeakRef<Seated>>((session) => this.#retired.delete(session));
  /** The closes under way. */
  readonly #closing = new Roster<Promise<void>>();
  /** The promise of each session that is closing. */
  readonly #closeOf = new WeakMap<Seated, Promise<void>>();
  #inUse = 0;

  constructor(capacity: number) {
    this.#sessions = Array.from({ length: capacity }, () => undefined);
    this.#generations = Array.from({ length: capacity }, () => 1);
    this.#free = Array.from({ length: capacity }, (_unused, index) => capacity - 1 - index);
  }

  /** The number of slots. */
  get capacity(): number {
    return this.#sessions.length;
  }

  /** The number of slots in use. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Takes a slot, for `occupy` or `giveBack`. Undefined if none is free. */
  take(): Seat | undefined {
    const index = this.#free.pop();
    return index === undefined ? undefined : { index, generation: this.#generations[index] as number };
  }

  /** Puts the session into the slot that was taken for it. */
  occupy(session: Seated): void {
    this.#sessions[session.seat.index] = session;
    this.#inUse += 1;
  }

  /** Frees a slot that was taken but not occupied. */
  giveBack({ index, generation }: Seat): void {
    this.#generations[index] = generation === MAX_GENERATION ? 1 : generation + 1;
    this.#free.push(index);
  }

  /** Frees the slot of a session that has ended. Its handles stay valid until they are closed. */
  retire(session: Seated): void {
    if (!this.#vacate(session)) return;
    const reference = new WeakRef(session);
    this.#retired.add(reference);
    this.#retiredAs.set(session, reference);
    this.#dropped.register(session, reference, reference);
  }

  /** Makes the session's handles invalid at once, then ends its connection; its slot is free when this resolves. */
  close(session: Seated): Promise<void> {
    if (session.isOver) return this.#closeOf.get(session) ?? Promise.resolve();
    return hold(
      (closing) => {
        this.#closing.add(closing);
        this.#closeOf.set(session, closing);
      },
      async () => {
        try {
          await session.close();
        } finally {
          this.#vacate(session);
          this.#forget(session);
          const closing = this.#closeOf.get(session);
          if (closing !== undefined) this.#closing.delete(closing);
          this.#closeOf.delete(session);
        }
      },
    );
  }

  /** Closes every session, also those that have left their slot. */
  async closeAll(): Promise<void> {
    const retired = [...this.#retired].map((reference) => reference.deref());
    for (const session of [...this.#sessions, ...retired]) if (session !== undefined) void this.close(session);
    await Promise.all(this.#closing);
  }

  /** A closed session needs no weak references, each of which keeps it until a collection of the whole heap. */
  #forget(session: Seated): void {
    const reference = this.#retiredAs.get(session);
    if (reference === undefined) return;
    this.#retired.delete(reference);
    this.#retiredAs.delete(session);
    this.#dropped.unregister(reference);
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
