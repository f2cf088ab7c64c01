import { err, type NetworkError, type Result } from '@entropynet/core';
import { startTimer, stopTimer, type Timer } from '@entropynet/core/platform';
import type { Outgoing } from './outbox.js';
import { frameOf, RequestFrame } from './request-frame.js';

/** What one request carries, and how long it may take. */
export interface RequestParts {
  readonly value: Uint8Array;
  readonly metadata: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** How far a request has come. */
export type RequestProgress = 'waiting for a connection' | 'waiting for room' | 'sent';

/** How to say that a request ended before it was sent; nothing was handled. */
const NOT_SENT: Readonly<Record<Exclude<RequestProgress, 'sent'>, string>> = {
  'waiting for a connection': 'there was no connection, and the request was not sent',
  'waiting for room': 'the request was not sent',
};

/** Part of the error of a request that was sent. */
const MAYBE = 'the peer may or may not have handled the request';

/** One request of this side, until it has its reply or its error. It is never sent twice. */
export class PendingRequest implements Outgoing {
  readonly #parts: RequestParts;
  readonly #onDone: (request: PendingRequest) => void;
  readonly #timer: Timer;
  #resolve: (result: Result<Uint8Array>) => void = () => undefined;
  readonly reply: Promise<Result<Uint8Array>>;
  progress: RequestProgress = 'waiting for a connection';
  frames: readonly Uint8Array[] = [];
  /** Set once it is on a connection. */
  id = 0;
  /** It has its outcome: the connection that it is on forgets it. Given up: this side did not wait for the reply. */
  onSettled: ((isGivenUp: boolean) => void) | undefined;
  #isDone = false;

  /** @param onDone it has its outcome */
  constructor(parts: RequestParts, onDone: (request: PendingRequest) => void) {
    this.#parts = parts;
    this.#onDone = onDone;
    this.reply = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = startTimer(() => {
      this.finish(err('Timeout', this.#explain(`no reply within ${parts.timeoutMs} ms (timeoutMs)`)), true);
    }, parts.timeoutMs);
    parts.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** It goes over a connection, under a number that no other request of the connection has. */
  assign(id: number): void {
    const { value, metadata } = this.#parts;
    this.id = id;
    this.progress = 'waiting for room';
    const request = frameOf(RequestFrame.Request, id, value);
    this.frames = metadata === undefined ? [request] : [frameOf(RequestFrame.Metadata, id, metadata), request];
  }

  onSent(): void {
    this.progress = 'sent';
    // The bytes are with the transport.
    this.frames = [];
  }

  onFailed(error: NetworkError): void {
    if (error.code === 'MessageTooLarge') this.finish({ ok: false, error });
    else this.end(error);
  }

  /** The connection, the channel or these requests ended for that reason. */
  end(error: NetworkError): void {
    const { code, message } = error;
    this.finish(err(code, this.#explain(message), error.cause ?? error));
  }

  /** The first outcome counts. */
  finish(result: Result<Uint8Array>, isGivenUp = false): void {
    if (this.#isDone) return;
    this.#isDone = true;
    stopTimer(this.#timer);
    this.#parts.signal?.removeEventListener('abort', this.#onAbort);
    this.onSettled?.(isGivenUp);
    this.#onDone(this);
    this.#resolve(result);
  }

  readonly #onAbort = (): void => {
    this.finish(err('Aborted', this.#explain('the request was aborted'), this.#parts.signal?.reason), true);
  };

  #explain(what: string): string {
    return `${what}; ${this.progress === 'sent' ? MAYBE : NOT_SENT[this.progress]}`;
  }
}

/**
 * The number of the last request of this process, whatever its connection. No two requests share a number until four
 * billion others have gone, so that a late reply of one connection or instance means nothing to another. The start is
 * chance: a peer may still answer what an earlier process asked.
 */
let lastId = Math.floor(Math.random() * 2 ** 32);

/** The next number that `isUsed` does not know. */
export function nextId(isUsed: (id: number) => boolean): number {
  do lastId = (lastId + 1) >>> 0;
  while (isUsed(lastId));
  return lastId;
}
