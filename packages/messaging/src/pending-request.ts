import { err, type NetworkError, type Result } from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import type { Outgoing } from './outbox.js';
import { frameOf, RequestFrame } from './request-frame.js';

/** The contents and the time limit of one request. */
export interface RequestParts {
  readonly value: Uint8Array;
  readonly metadata: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The progress of a request. */
export type RequestProgress = 'waiting for a connection' | 'waiting for room' | 'sent';

/** The end of the error's sentence for a request that was not sent, and so not handled. */
const NOT_SENT: Readonly<Record<Exclude<RequestProgress, 'sent'>, string>> = {
  'waiting for a connection': 'there was no connection, and the request was not sent',
  'waiting for room': 'the request was not sent',
};

const NO_FRAMES: readonly Uint8Array[] = [];

/** The part of the error for a request that was sent. */
const MAYBE = 'the peer may or may not have handled the request';

/** One request of this side, until it has its reply or its error. It is sent at most once. */
export class PendingRequest implements Outgoing {
  readonly #parts: RequestParts;
  readonly #onDone: (request: PendingRequest) => void;
  readonly #stopLimit: () => void;
  #resolve: (result: Result<Uint8Array>) => void = () => undefined;
  readonly reply: Promise<Result<Uint8Array>>;
  progress: RequestProgress = 'waiting for a connection';
  frames: readonly Uint8Array[] = NO_FRAMES;
  /** Its number, set when it goes over a connection. */
  id = 0;
  /**
   * Called when it has its result, so that its connection forgets it. Given up: this side did not wait for the reply.
   */
  onSettled: ((isGivenUp: boolean) => void) | undefined;
  #isDone = false;

  /** @param onDone called when it has its result */
  constructor(parts: RequestParts, onDone: (request: PendingRequest) => void) {
    this.#parts = parts;
    this.#onDone = onDone;
    this.reply = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#stopLimit = startLimit(() => {
      this.finish(err('Timeout', this.#explain(`no reply within ${parts.timeoutMs} ms (timeoutMs)`)), true);
    }, parts.timeoutMs);
    parts.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Assigns the request to a connection, with a number that no other request of the connection has. */
  assign(id: number): void {
    const { value, metadata } = this.#parts;
    this.id = id;
    this.progress = 'waiting for room';
    const request = frameOf(RequestFrame.Request, id, value);
    this.frames = metadata === undefined ? [request] : [frameOf(RequestFrame.Metadata, id, metadata), request];
  }

  onSent(): void {
    this.progress = 'sent';
    // The transport has the bytes.
    this.frames = NO_FRAMES;
  }

  onFailed(error: NetworkError): void {
    if (error.code === 'MessageTooLarge') this.finish({ ok: false, error });
    else this.end(error);
  }

  /** Ends the request, because the connection, the channel or the session ended. */
  end(error: NetworkError): void {
    const { code, message } = error;
    this.finish(err(code, this.#explain(message), error.cause ?? error));
  }

  /** Sets the result. The first result counts. */
  finish(result: Result<Uint8Array>, isGivenUp = false): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#stopLimit();
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
 * The number of the last request of this process, for all connections. A number is used again after four billion
 * others, so that a late reply of one connection or instance never matches a request of another. The first number is
 * random, because a peer may still answer the requests of an earlier process.
 */
let lastId = Math.floor(Math.random() * 2 ** 32);

/** Returns the next number that is not in use. */
export function nextId(isUsed: (id: number) => boolean): number {
  do lastId = (lastId + 1) >>> 0;
  while (isUsed(lastId));
  return lastId;
}
