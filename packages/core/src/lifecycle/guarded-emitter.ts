import { runAsMicrotask } from '../platform/clock.js';
import { warnOf } from '../platform/warning.js';
import { kindOf } from '../result/kind-of.js';
import { NetworkError } from '../result/network-error.js';
import { printable } from '../result/printable.js';
import { CallbackGuard, checkCallback } from './callback-guard.js';

/** The values that the listeners of an event get. */
export type EventValues<Listener> = Listener extends (...values: infer Values) => unknown ? Values : never;

interface Listener {
  readonly call: (...values: unknown[]) => unknown;
  readonly isOnce: boolean;
  /** Whether a listener for one time had its time. */
  isSpent: boolean;
  /** The one callback of the event: it stands first, and `remove` without a listener leaves it. */
  readonly isCallback: boolean;
}

/** A listener of a library's, which is none of the program's. */
interface Subscriber {
  readonly call: (...values: unknown[]) => unknown;
}

/** The events that `subscribe` does not tell, and what a library has in its place. */
const NOT_SUBSCRIBED = { message: 'take() gives a library the messages', error: 'errors are for the program' } as const;

/** Gets every event, before the listeners; must not throw. */
export type EventObserver<Events extends object> = <E extends keyof Events>(
  event: E,
  values: EventValues<Events[E]>,
) => void;

/** Characters of an event's name that a sentence shows. */
const MAX_EVENT = 60;
/** How many events of one kind wait for their first listener at most; the oldest goes first. */
const MAX_UNHEARD = 1024;

/**
 * The listeners of one object. Each runs by itself behind the guard, so that what one throws or rejects with reaches no
 * other and becomes an `error` event. A listener that is added or removed during an event counts from the next one on.
 * What stands above a connection uses `observer`, and libraries use `subscribe`: a program can remove neither.
 */
export class GuardedEmitter<Events extends object> {
  /** Runs callbacks as well, so that all of one object's user code is behind one gate. */
  readonly guard: CallbackGuard;
  /** Gets every event, before the listeners; must not throw. */
  observer: EventObserver<Events> | undefined;
  readonly #listeners = new Map<keyof Events, readonly Listener[]>();
  readonly #subscribers = new Map<keyof Events, readonly Subscriber[]>();
  /** Events that wait for their first listener. An event that is no key does not wait. */
  readonly #unheard = new Map<keyof Events, unknown[][]>();
  readonly #isStillTrue = new Map<keyof Events, (values: readonly unknown[]) => boolean>();

  /**
   * @param names every event that exists
   * @param guard runs the listeners; without one, a guard of its own that reports to this emitter's `error` listeners
   */
  constructor(names: readonly (keyof Events)[], guard?: CallbackGuard) {
    for (const name of names) this.#listeners.set(name, []);
    this.guard = guard ?? new CallbackGuard((error) => this.emitError(error));
  }

  /** Adds a listener. Throws a `TypeError` for an unknown event or what is no function. */
  add(event: keyof Events, listener: unknown, isOnce: boolean): void {
    const listeners = this.#of(event);
    checkListener(listener);
    const added: Listener = { call: listener as Listener['call'], isOnce, isSpent: false, isCallback: false };
    this.#listeners.set(event, [...listeners, added]);
    this.#tellUnheard(event);
  }

  /** Removes a listener, or all but the callback. Throws a `TypeError` for an unknown event. */
  remove(event: keyof Events, listener?: unknown): void {
    const isMeant = (each: Listener): boolean => !each.isCallback && (listener === undefined || each.call === listener);
    const listeners = this.#of(event);
    if (listeners.some(isMeant)) {
      this.#listeners.set(
        event,
        listeners.filter((each) => !isMeant(each)),
      );
    }
  }

  /**
   * Adds a listener that `remove` without a listener leaves, and for which no event waits; it is told before the program's.
   * Throws a `TypeError` for an event that has no subscribers, or what is no function.
   * @returns its remover
   */
  subscribe(event: keyof Events, listener: unknown): () => void {
    this.#of(event);
    const instead = (NOT_SUBSCRIBED as Partial<Record<keyof Events, string>>)[event];
    if (instead !== undefined) throw new TypeError(`'${String(event)}' has no subscribers: ${instead}`);
    checkListener(listener);
    const added: Subscriber = { call: listener as Subscriber['call'] };
    this.#subscribers.set(event, [...this.#subscribersOf(event), added]);
    return () => {
      this.#subscribers.set(
        event,
        this.#subscribersOf(event).filter((each) => each !== added),
      );
    };
  }

  /** Sets the one callback of an event, which gets it before the listeners; null: none. */
  setCallback(event: keyof Events, callback: unknown): void {
    checkCallback(callback);
    const listeners = this.#of(event).filter((each) => !each.isCallback);
    if (callback !== null) {
      listeners.unshift({ call: callback as Listener['call'], isOnce: false, isSpent: false, isCallback: true });
    }
    this.#listeners.set(event, listeners);
    this.#tellUnheard(event);
  }

  /** How many listeners an event has, its callback included. */
  count(event: keyof Events): number {
    return this.#of(event).length;
  }

  /**
   * From here on an event waits for its first listener, if it has none.
   * @param isStillTrue asked when the listener is there: what is not true any more is not told
   */
  keepUnheard(event: keyof Events, isStillTrue?: (values: readonly unknown[]) => boolean): void {
    if (!this.#unheard.has(event)) this.#unheard.set(event, []);
    if (isStillTrue !== undefined) this.#isStillTrue.set(event, isStillTrue);
  }

  /** Ends `keepUnheard` and drops what waits. */
  dropUnheard(event: keyof Events): void {
    this.#unheard.delete(event);
    this.#isStillTrue.delete(event);
  }

  /** Drops what waits of an event and is not true any more. */
  forgetUnheard(event: keyof Events, isObsolete: (values: readonly unknown[]) => boolean): void {
    const waiting = this.#unheard.get(event);
    if (waiting !== undefined && waiting.length > 0) {
      this.#unheard.set(
        event,
        waiting.filter((values) => !isObsolete(values)),
      );
    }
  }

  /** Tells the observer, the subscribers, and each listener. */
  emit<E extends keyof Events>(event: E, ...values: EventValues<Events[E]>): void {
    this.observer?.(event, values);
    if (!this.guard.isOpen) return;
    for (const { call } of this.#subscribersOf(event)) this.guard.runBound(() => call(...values));
    const listeners = this.#of(event);
    const waiting = this.#unheard.get(event);
    // Behind those that the first listener has not been told of yet.
    if (waiting !== undefined && (listeners.length === 0 || waiting.length > 0)) {
      if (waiting.push(values) > MAX_UNHEARD) waiting.shift();
      return;
    }
    for (const listener of listeners) this.#tell(event, listener, values);
  }

  /** Tells each listener of an event that has one value and no observer. Hot path. */
  emitMessage<E extends keyof Events>(event: E, value: EventValues<Events[E]>[0]): void {
    if (!this.guard.isOpen) return;
    for (const listener of this.#of(event)) {
      if (this.#isDue(event, listener)) this.guard.run(listener.call, value);
    }
  }

  /** Tells the `error` listeners; the process where there is none, so that nothing fails in silence. */
  emitError(error: NetworkError): void {
    if (!this.guard.isOpen) return;
    if (this.observer !== undefined) this.observer('error' as keyof Events, [error] as never);
    const listeners = this.#listeners.get('error' as keyof Events) ?? [];
    if (listeners.length === 0 && this.observer === undefined) warnOf(error);
    for (const listener of listeners) {
      if (this.#isDue('error' as keyof Events, listener)) errorGuard.runBound(() => listener.call(error));
    }
  }

  #tell(event: keyof Events, listener: Listener, values: readonly unknown[]): void {
    if (this.#isDue(event, listener)) this.guard.runBound(() => listener.call(...values));
  }

  /** Takes a listener for one time out. False where it had its time: a listener before it emitted the event again. */
  #isDue(event: keyof Events, listener: Listener): boolean {
    if (!listener.isOnce) return true;
    if (listener.isSpent) return false;
    listener.isSpent = true;
    this.#listeners.set(
      event,
      this.#of(event).filter((each) => each !== listener),
    );
    return true;
  }

  /** From a microtask, as parked messages: a program seldom has finished its set-up when it adds the first listener. */
  #tellUnheard(event: keyof Events): void {
    if ((this.#unheard.get(event)?.length ?? 0) === 0) return;
    runAsMicrotask(() => {
      while (this.#of(event).length > 0) {
        const values = this.#unheard.get(event)?.[0];
        if (values === undefined) return;
        if (this.#isStillTrue.get(event)?.(values) !== false) {
          for (const listener of this.#of(event)) this.#tell(event, listener, values);
        }
        // Only now: what is emitted meanwhile comes after it. A listener may have changed what waits.
        const waiting = this.#unheard.get(event);
        if (waiting?.[0] === values) waiting.shift();
      }
    });
  }

  #subscribersOf(event: keyof Events): readonly Subscriber[] {
    return this.#subscribers.get(event) ?? [];
  }

  #of(event: keyof Events): readonly Listener[] {
    const listeners = this.#listeners.get(event);
    if (listeners !== undefined) return listeners;
    const names = [...this.#listeners.keys()].map((name) => `'${String(name)}'`).join(', ');
    throw new TypeError(`there is no event '${printable(event, MAX_EVENT)}'; the events are ${names}`);
  }
}

function checkListener(listener: unknown): void {
  if (typeof listener !== 'function') throw new TypeError(`a listener is a function; ${kindOf(listener)} was given`);
}

/** An `error` listener that fails has only the process left to tell. */
const errorGuard = new CallbackGuard((error) => {
  warnOf(new NetworkError('CallbackFailed', 'an "error" listener failed', error.cause));
});
