import { runAsMicrotask } from '../platform/clock.js';
import { warnOf } from '../platform/warning.js';
import { kindOf } from '../result/kind-of.js';
import type { NetworkError } from '../result/network-error.js';
import { printable } from '../result/printable.js';
import { CallbackGuard, checkCallback, warningGuard } from './callback-guard.js';

/** The arguments of an event's listeners. */
export type EventValues<Listener> = Listener extends (...values: infer Values) => unknown ? Values : never;

interface Listener {
  readonly call: (...values: unknown[]) => unknown;
  readonly isOnce: boolean;
  /** Whether a `once` listener has run. */
  isSpent: boolean;
  /** Whether it is the callback of the event. It runs first, and `remove` without a listener keeps it. */
  readonly isCallback: boolean;
}

/** A listener that a library has added with `subscribe`. */
interface Subscriber {
  readonly call: (...values: unknown[]) => unknown;
}

/** The events without subscribers, each with the alternative for a library. */
const NOT_SUBSCRIBED = { message: 'take() gives a library the messages', error: 'errors are for the program' } as const;

/** Gets every event, before the listeners; must not throw. */
export type EventObserver<Events extends object> = <E extends keyof Events>(
  event: E,
  values: EventValues<Events[E]>,
) => void;

/** The largest number of characters of an event's name in an error. */
const MAX_EVENT = 60;
/** The largest number of events of one kind that wait for their first listener. Beyond that the oldest is dropped. */
const MAX_UNHEARD = 1024;

/**
 * The listeners of one object. The guard runs each of them: if one throws or rejects, an `error` event follows, and the
 * others still run. Adding or removing a listener during an event takes effect from the next event on. A layer above a
 * connection uses `observer`, and libraries use `subscribe`; `off()` of a program removes neither.
 */
export class GuardedEmitter<Events extends object> {
  /** The guard of all callbacks and listeners of the object. */
  readonly guard: CallbackGuard;
  /** Gets every event, before the listeners; must not throw. */
  observer: EventObserver<Events> | undefined;
  readonly #names: readonly (keyof Events)[];
  // Each connection has four emitters, and most of their events get no listener. So a map exists from its first entry.
  #listeners: Map<keyof Events, readonly Listener[]> | undefined;
  #subscribers: Map<keyof Events, readonly Subscriber[]> | undefined;
  /** The names of the events that wait for their first listener. */
  #kept: readonly (keyof Events)[] = [];
  /** The waiting events. */
  #unheard: Map<keyof Events, unknown[][]> | undefined;
  #isStillTrue: Map<keyof Events, (values: readonly unknown[]) => boolean> | undefined;

  /**
   * @param names the names of all events
   * @param guard the guard that runs the listeners; by default a new one that reports to the `error` listeners
   */
  constructor(names: readonly (keyof Events)[], guard?: CallbackGuard) {
    this.#names = names;
    this.guard = guard ?? new CallbackGuard((error) => this.emitError(error));
  }

  /** Adds a listener. Throws a `TypeError` for an unknown event, or a value that is not a function. */
  add(event: keyof Events, listener: unknown, isOnce: boolean): void {
    const listeners = this.#of(event);
    checkListener(listener);
    const added: Listener = { call: listener as Listener['call'], isOnce, isSpent: false, isCallback: false };
    this.#set(event, [...listeners, added]);
    this.#tellUnheard(event);
  }

  /** Removes a listener; without one, all listeners except the callback. Throws a `TypeError` for an unknown event. */
  remove(event: keyof Events, listener?: unknown): void {
    const isMeant = (each: Listener): boolean => !each.isCallback && (listener === undefined || each.call === listener);
    const listeners = this.#of(event);
    if (listeners.some(isMeant)) {
      this.#set(
        event,
        listeners.filter((each) => !isMeant(each)),
      );
    }
  }

  /**
   * Adds a listener of a library: `remove` without a listener keeps it, events do not wait for it, and it runs before
   * the program's listeners. Throws a `TypeError` for an event without subscribers, or a value that is not a function.
   * @returns a function that removes the listener
   */
  subscribe(event: keyof Events, listener: unknown): () => void {
    this.#of(event);
    const instead = (NOT_SUBSCRIBED as Partial<Record<keyof Events, string>>)[event];
    if (instead !== undefined) throw new TypeError(`'${String(event)}' has no subscribers: ${instead}`);
    checkListener(listener);
    const added: Subscriber = { call: listener as Subscriber['call'] };
    const subscribers = (this.#subscribers ??= new Map<keyof Events, readonly Subscriber[]>());
    subscribers.set(event, [...(subscribers.get(event) ?? []), added]);
    return () => {
      subscribers.set(
        event,
        (subscribers.get(event) ?? []).filter((each) => each !== added),
      );
    };
  }

  /** Sets the callback of an event, which runs before the listeners. Null removes it. */
  setCallback(event: keyof Events, callback: unknown): void {
    checkCallback(callback);
    const listeners = this.#of(event).filter((each) => !each.isCallback);
    if (callback !== null) {
      listeners.unshift({ call: callback as Listener['call'], isOnce: false, isSpent: false, isCallback: true });
    }
    this.#set(event, listeners);
    this.#tellUnheard(event);
  }

  /** Returns the number of listeners of an event, with its callback. */
  count(event: keyof Events): number {
    return this.#of(event).length;
  }

  /**
   * Makes later events of these names wait for their first listener if there is none.
   * @param isStillTrue checks a waiting event when the listener comes; an obsolete event is dropped
   */
  keepUnheard(events: readonly (keyof Events)[], isStillTrue?: (values: readonly unknown[]) => boolean): void {
    this.#kept = this.#kept.length === 0 ? events : [...new Set([...this.#kept, ...events])];
    if (isStillTrue === undefined) return;
    this.#isStillTrue ??= new Map<keyof Events, (values: readonly unknown[]) => boolean>();
    for (const event of events) this.#isStillTrue.set(event, isStillTrue);
  }

  /** Ends `keepUnheard` and drops the waiting events. */
  dropUnheard(events: readonly (keyof Events)[]): void {
    this.#kept = this.#kept.filter((each) => !events.includes(each));
    if (this.#unheard === undefined && this.#isStillTrue === undefined) return;
    for (const event of events) {
      this.#unheard?.delete(event);
      this.#isStillTrue?.delete(event);
    }
  }

  /** Drops the obsolete ones among the waiting events. */
  forgetUnheard(event: keyof Events, isObsolete: (values: readonly unknown[]) => boolean): void {
    const waiting = this.#unheard?.get(event);
    if (waiting === undefined || waiting.length === 0) return;
    this.#unheard?.set(
      event,
      waiting.filter((values) => !isObsolete(values)),
    );
  }

  /** Calls the observer, then the subscribers, then each listener. */
  emit<E extends keyof Events>(event: E, ...values: EventValues<Events[E]>): void {
    this.observer?.(event, values);
    if (!this.guard.isOpen) return;
    for (const { call } of this.#subscribers?.get(event) ?? []) this.guard.runBound(() => call(...values));
    const listeners = this.#of(event);
    // Behind the events that the first listener has not received yet.
    if (this.#kept.includes(event) && (listeners.length === 0 || (this.#unheard?.get(event)?.length ?? 0) > 0)) {
      this.#keep(event, values);
      return;
    }
    for (const listener of listeners) this.#tell(event, listener, values);
  }

  /** Calls each listener of an event with one argument and no observer. Hot path. */
  emitMessage<E extends keyof Events>(event: E, value: EventValues<Events[E]>[0]): void {
    if (!this.guard.isOpen) return;
    for (const listener of this.#of(event)) {
      if (this.#isDue(event, listener)) this.guard.run(listener.call, value);
    }
  }

  /** Calls the `error` listeners. Without one, it emits a warning of the process, so that no error is lost. */
  emitError(error: NetworkError): void {
    if (!this.guard.isOpen) return;
    if (this.observer !== undefined) this.observer('error' as keyof Events, [error] as never);
    const listeners = this.#listeners?.get('error' as keyof Events) ?? [];
    if (listeners.length === 0 && this.observer === undefined) warnOf(error);
    for (const listener of listeners) {
      if (this.#isDue('error' as keyof Events, listener)) errorGuard.runBound(() => listener.call(error));
    }
  }

  #tell(event: keyof Events, listener: Listener, values: readonly unknown[]): void {
    if (this.#isDue(event, listener)) this.guard.runBound(() => listener.call(...values));
  }

  /**
   * Removes a `once` listener. Returns false if it has run already, because another listener emitted the event again.
   */
  #isDue(event: keyof Events, listener: Listener): boolean {
    if (!listener.isOnce) return true;
    if (listener.isSpent) return false;
    listener.isSpent = true;
    this.#set(
      event,
      this.#of(event).filter((each) => each !== listener),
    );
    return true;
  }

  /**
   * Delivers waiting events from a microtask, because a program often continues its set-up after the first listener.
   */
  #tellUnheard(event: keyof Events): void {
    if ((this.#unheard?.get(event)?.length ?? 0) === 0) return;
    runAsMicrotask(() => {
      while (this.#of(event).length > 0) {
        const values = this.#unheard?.get(event)?.[0];
        if (values === undefined) return;
        if (this.#isStillTrue?.get(event)?.(values) !== false) {
          for (const listener of this.#of(event)) this.#tell(event, listener, values);
        }
        // Read again each time: a listener may have changed the waiting events, and new ones go to the end.
        const waiting = this.#unheard?.get(event);
        if (waiting?.[0] === values) waiting.shift();
      }
    });
  }

  #keep(event: keyof Events, values: unknown[]): void {
    this.#unheard ??= new Map<keyof Events, unknown[][]>();
    const waiting = this.#unheard.get(event);
    if (waiting === undefined) this.#unheard.set(event, [values]);
    else if (waiting.push(values) > MAX_UNHEARD) waiting.shift();
  }

  #set(event: keyof Events, listeners: readonly Listener[]): void {
    this.#listeners ??= new Map<keyof Events, readonly Listener[]>();
    this.#listeners.set(event, listeners);
  }

  #of(event: keyof Events): readonly Listener[] {
    const listeners = this.#listeners?.get(event);
    if (listeners !== undefined) return listeners;
    if (this.#names.includes(event)) return NO_LISTENERS;
    const names = this.#names.map((name) => `'${String(name)}'`).join(', ');
    throw new TypeError(`there is no event '${printable(event, MAX_EVENT)}'; the events are ${names}`);
  }
}

const NO_LISTENERS: readonly Listener[] = [];

function checkListener(listener: unknown): void {
  if (typeof listener !== 'function') throw new TypeError(`a listener is a function; ${kindOf(listener)} was given`);
}

/** Reports a failed `error` listener as a warning of the process. */
const errorGuard = warningGuard("an 'error' listener");
