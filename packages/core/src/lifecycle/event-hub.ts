import { EventEmitter } from 'eventemitter3';
import { NetworkError } from '../result/network-error.js';
import { CallbackGuard } from './callback-guard.js';
import type { ConnectionEvents } from '../api/connection-events.js';

/** The listeners of one connection, behind the same guard as its callbacks. */
export class EventHub {
  readonly guard = new CallbackGuard((error) => {
    this.emitError(error);
  });
  readonly emitter = new EventEmitter<ConnectionEvents>();
  #isUnresponsive = false;

  /** A new link: its peer is taken to be responsive. */
  start(): void {
    this.#isUnresponsive = false;
  }

  /** Tells of a change, once. */
  emitResponsiveness(isResponsive: boolean): void {
    if (this.#isUnresponsive === !isResponsive) return;
    this.#isUnresponsive = !isResponsive;
    this.emit(isResponsive ? 'responsive' : 'unresponsive');
  }

  /** Tells the listeners of an event, unless callbacks are shut. */
  emit<E extends Exclude<keyof ConnectionEvents, 'error'>>(event: E, ...values: Parameters<ConnectionEvents[E]>): void {
    if (this.emitter.listenerCount(event) === 0) return;
    this.guard.runBound(() => this.emitter.emit(event, ...(values as never)));
  }

  /** Tells the `error` listeners; the process's warnings where there is none, so that nothing fails in silence. */
  emitError(error: NetworkError): void {
    if (!this.guard.isOpen) return;
    if (this.emitter.listenerCount('error') === 0) warn(error);
    try {
      this.emitter.emit('error', error);
    } catch (thrown) {
      // An error listener that throws has nobody left to tell but the process.
      warn(new NetworkError('CallbackFailed', 'an "error" listener threw', thrown));
    }
  }
}

/** Tells a person about an error that no listener takes. */
function warn(error: NetworkError): void {
  if (typeof process !== 'undefined') {
    process.emitWarning(error);
    return;
  }
  // A browser shows what nobody catches.
  queueMicrotask(() => {
    throw error;
  });
}
