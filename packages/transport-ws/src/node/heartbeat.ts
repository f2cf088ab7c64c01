import { clearInterval, setImmediate, setInterval } from './platform-timers.js';

/** What a heartbeat beats for. */
export interface HeartbeatMember {
  /** One interval has passed, and what had arrived by its end was handled. */
  onBeat(): void;
}

/**
 * A pulse that all connections with the same interval share: a thousand connections need one timer. It runs while it has
 * members and keeps no process alive.
 */
export class Heartbeat {
  static readonly #shared = new Map<number, Heartbeat>();

  readonly #intervalMs: number;
  readonly #members = new Set<HeartbeatMember>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Beats for `member` every `intervalMs` until the returned function is called. */
  static join(intervalMs: number, member: HeartbeatMember): () => void {
    const heartbeat = Heartbeat.#shared.get(intervalMs) ?? new Heartbeat(intervalMs);
    Heartbeat.#shared.set(intervalMs, heartbeat);
    heartbeat.#add(member);
    return () => {
      heartbeat.#remove(member);
    };
  }

  #add(member: HeartbeatMember): void {
    this.#members.add(member);
    this.#timer ??= setInterval(() => {
      // After a pause of this process timers run before what arrived meanwhile is read. An immediate runs after it.
      setImmediate(this.#beat);
    }, this.#intervalMs).unref();
  }

  #remove(member: HeartbeatMember): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    Heartbeat.#shared.delete(this.#intervalMs);
  }

  readonly #beat = (): void => {
    for (const member of [...this.#members]) if (this.#members.has(member)) member.onBeat();
  };
}
