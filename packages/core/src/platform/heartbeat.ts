import { describeThrown } from '../result/describe-thrown.js';
import { NetworkError } from '../result/network-error.js';
import { setTimerReferenced, startTimer, startTurn, stopTimer, type Timer } from './clock.js';
import { Roster } from './roster.js';
import { warnOf } from './warning.js';

/** A member of a heartbeat. */
export interface HeartbeatMember {
  /** One interval has passed, and this side has handled everything that had arrived by its end. */
  onBeat(): void;
}

/**
 * The timer that all members with the same interval share, so that a thousand connections need one timer. It runs while
 * it has members, and keeps no process alive.
 */
export class Heartbeat {
  static readonly #shared = new Map<number, Heartbeat>();

  readonly #intervalMs: number;
  readonly #members = new Roster<HeartbeatMember>();
  #timer: Timer | undefined;

  private constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /**
   * Calls `member` every `intervalMs` until the returned function is called. If the member throws, the process gets a
   * warning (`CallbackFailed`), and the other members continue.
   */
  static join(intervalMs: number, member: HeartbeatMember): () => void {
    const heartbeat = Heartbeat.#shared.get(intervalMs) ?? new Heartbeat(intervalMs);
    Heartbeat.#shared.set(intervalMs, heartbeat);
    heartbeat.#members.add(member);
    if (heartbeat.#timer === undefined) heartbeat.#start();
    return () => {
      heartbeat.#remove(member);
    };
  }

  #start(): void {
    this.#timer = startTimer(() => {
      // After a pause of this process, timers run before the bytes that arrived meanwhile are read. An immediate runs
      // after that.
      setTimerReferenced(startTurn(this.#beat), false);
      this.#start();
    }, this.#intervalMs);
    setTimerReferenced(this.#timer, false);
  }

  #remove(member: HeartbeatMember): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    stopTimer(this.#timer);
    this.#timer = undefined;
    Heartbeat.#shared.delete(this.#intervalMs);
  }

  readonly #beat = (): void => {
    for (const member of [...this.#members]) {
      if (!this.#members.has(member)) continue;
      try {
        member.onBeat();
      } catch (error) {
        // The others continue: they would miss their peers' silence.
        warnOf(new NetworkError('CallbackFailed', `a member of a heartbeat failed: ${describeThrown(error)}`, error));
      }
    }
  };
}
