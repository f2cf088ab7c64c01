import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../platform-time.js';

/** The next turn of a receive loop in the event loop. */
export class LoopTurn {
  readonly #run: () => void;
  readonly #timerMs: number;
  #immediate: NodeJS.Immediate | undefined;
  /**
   * Runs beside an immediate that does not keep the process alive: the event loop sleeps despite such an immediate, but
   * not despite a timer.
   */
  #timer: NodeJS.Timeout | undefined;

  /** `run` is called in the turn, and `timerMs` later at the latest. It must call `forget()`. */
  constructor(run: () => void, timerMs: number) {
    this.#run = run;
    this.#timerMs = timerMs;
  }

  /** Whether there will be a turn. */
  get isAsked(): boolean {
    return this.#immediate !== undefined;
  }

  /** Asks for the turn; `isReferenced`: it keeps the process alive. */
  ask(isReferenced: boolean): void {
    this.#immediate ??= setImmediate(this.#run);
    if (isReferenced) return;
    this.#immediate.unref();
    this.#timer ??= setTimeout(this.#run, this.#timerMs).unref();
  }

  /** Lets a turn that was asked for keep the process alive. */
  ref(): void {
    this.#immediate?.ref();
  }

  forget(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
  }
}
