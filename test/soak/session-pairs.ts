/** The end of a session on one side. */
export interface SessionEnd {
  /** The number of this side, and of the other one; undefined without a message of it. */
  readonly self: number;
  readonly peer: number | undefined;
  /** Whether the connection ended without the goodbye of either side. */
  readonly hasFailed: boolean;
  /** Whether this side said goodbye, after all its messages. */
  readonly saidGoodbye: boolean;
  readonly sent: number;
  readonly received: number;
  /** How many of the sent messages `unconfirmedSends()` named. */
  readonly unconfirmed: number;
}

/**
 * Joins the ends of both sides of a session. The sender must count each message that did not arrive as unconfirmed. No
 * message before a received goodbye may be missing. A side that says goodbye drops later messages and returns their
 * window, so they count as confirmed, and no transport has lost them.
 */
export class SessionPairs {
  matched = 0;
  lost = 0;
  readonly #waiting = new Map<number, SessionEnd>();
  /** Those of whose other side something is known, by the number of that side. */
  readonly #byPeer = new Map<number, SessionEnd>();
  readonly #complain: (complaint: string) => void;

  constructor(complain: (complaint: string) => void) {
    this.#complain = complain;
  }

  add(end: SessionEnd): void {
    const other = end.peer === undefined ? this.#byPeer.get(end.self) : this.#waiting.get(end.peer);
    if (other === undefined || (other.peer !== undefined && other.peer !== end.self)) {
      this.#waiting.set(end.self, end);
      if (end.peer !== undefined) this.#byPeer.set(end.peer, end);
      return;
    }
    this.#waiting.delete(other.self);
    if (other.peer !== undefined) this.#byPeer.delete(other.peer);
    this.matched += 1;
    this.#judge(end, other);
    this.#judge(other, end);
  }

  /** No more ends come: those that are alone heard nothing, and the other side of each heard nothing either. */
  finish(): void {
    for (const end of this.#waiting.values()) {
      if (end.received > 0) this.#complain(`a session that received ${end.received} messages has no other side`);
      else this.#judge(end, undefined);
    }
  }

  #judge(end: SessionEnd, other: SessionEnd | undefined): void {
    const { sent, unconfirmed } = end;
    const lost = sent - (other?.received ?? 0);
    if (lost <= 0 || other?.saidGoodbye === true) return;
    this.lost += lost;
    if (other !== undefined && isHeard(end, other))
      this.#complain(`${lost} of ${sent} messages were lost in front of a goodbye`);
    else if (lost > unconfirmed)
      this.#complain(`${lost} of ${sent} messages were lost, and their sender knew of ${unconfirmed}`);
  }
}

/** Whether the goodbye of `one` reached the other side, which had not left by itself. */
function isHeard(one: SessionEnd, other: SessionEnd): boolean {
  return one.saidGoodbye && !other.hasFailed;
}
