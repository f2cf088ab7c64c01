import { describeThrown, err, NetworkError, type Result, sendShortage } from '@entropynet/core';
import { KeyedRoster } from '@entropynet/core/platform';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Codec, decodeWith, encodeReply } from './codec.js';
import type { HandlerSlot } from './handler-slot.js';
import type { Outbox, Outgoing } from './outbox.js';
import { failureFrame, frameOf, RequestFrame, type RequestMetadata } from './request-frame.js';

/**
 * Handles a request and returns the reply, or a promise of it. If it throws, the requester gets the error's message.
 */
export type RequestHandler<Request, Reply> = (request: Request, context: RequestContext) => Reply | Promise<Reply>;

/** The second argument of a handler. */
export interface RequestContext {
  /** Aborts when the peer no longer waits, and when the connection ends. */
  readonly signal: AbortSignal;
  /** The metadata of the request; empty if there is none. The peer chose names and texts: check them. */
  readonly metadata: RequestMetadata;
}

/** The options for answering the peer's requests, for every connection. */
export interface AnsweringOptions<Request, Reply> {
  readonly codec: Codec;
  readonly requestSchema: StandardSchemaV1<unknown, Request> | undefined;
  readonly maxHandled: number;
  readonly maxHandledBytes: number;
  readonly handler: HandlerSlot<RequestHandler<Request, Reply>>;
}

class Handled {
  /** Made when something asks for the signal: most handlers do not, and it costs more than the rest of a request. */
  #controller: AbortController | undefined;
  isAborted = false;
  #reason: NetworkError | undefined;
  /** The bytes that count towards `maxHandledBytes`: those of the request, later those of its reply. */
  bytes: number;
  /** Whether a function of the program works on it: the schema or the handler. Nothing can stop that function. */
  isRunning = true;
  /** Its answer, which waits to be sent. */
  answer: Outgoing | undefined;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isAborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: NetworkError): void {
    if (this.isAborted) return;
    this.isAborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/**
 * The largest number of waiting refusals. Beyond it, this side stops reading requests, because the peer asks too much
 * and reads nothing.
 */
const MAX_REFUSALS = 16_384;

/**
 * Answers the requests of the peer on one connection. A request counts until the transport has taken its answer. So a
 * peer that asks and reads nothing uses no more memory than one with slow requests.
 */
export class Answering<Request, Reply> {
  readonly #options: AnsweringOptions<Request, Reply>;
  readonly #outbox: Outbox;
  readonly #setReading: (isReading: boolean) => void;
  readonly #handled = new KeyedRoster<number, Handled>();
  #heldBytes = 0;
  #refusals = 0;
  #end: NetworkError | undefined;

  /** @param setReading stops or continues reading the peer's requests */
  constructor(options: AnsweringOptions<Request, Reply>, outbox: Outbox, setReading: (isReading: boolean) => void) {
    this.#options = options;
    this.#outbox = outbox;
    this.#setReading = setReading;
  }

  /** Takes a request of the peer. This side owns its bytes. */
  take(id: number, bytes: Uint8Array, metadata: RequestMetadata): void {
    // A number that is in use is a mistake of the peer. Its first request continues.
    if (this.#end !== undefined || this.#handled.has(id)) return;
    const { maxHandled, maxHandledBytes } = this.#options;
    if (this.#handled.size >= maxHandled) {
      this.#refuse(id, `${maxHandled} requests are handled already (maxHandled)`);
    } else if (this.#handled.size > 0 && this.#heldBytes + bytes.length > maxHandledBytes) {
      this.#refuse(id, `requests and replies of ${this.#heldBytes} bytes are under way already (maxHandledBytes)`);
    } else void this.#answer(id, bytes, metadata);
  }

  /** The peer no longer waits for the reply. */
  cancel(id: number): void {
    const handled = this.#handled.get(id);
    if (handled === undefined) return;
    handled.abort(new NetworkError('Aborted', 'the peer cancelled the request'));
    if (handled.answer !== undefined) this.#outbox.withdraw(handled.answer);
    // A running schema or handler counts until it has finished.
    if (handled.answer !== undefined || !handled.isRunning) this.#forget(id, handled);
  }

  /** Ends all requests. Returns the numbers of those that get no reply. */
  end(error: NetworkError): number[] {
    this.#end = error;
    const unanswered = [...this.#handled].filter(([, { answer }]) => answer === undefined).map(([id]) => id);
    for (const handled of this.#handled.values()) handled.abort(error);
    return unanswered;
  }

  async #answer(id: number, bytes: Uint8Array, metadata: RequestMetadata): Promise<void> {
    const handled = new Handled(bytes.length);
    this.#handled.set(id, handled);
    this.#heldBytes += bytes.length;
    const context: RequestContext = {
      get signal() {
        return handled.signal;
      },
      metadata,
    };
    const outcome = await this.#outcomeOf(handled, bytes, context);
    if (handled.isAborted) this.#forget(id, handled);
    else this.#reply(id, handled, outcome);
  }

  async #outcomeOf(handled: Handled, bytes: Uint8Array, context: RequestContext): Promise<Result<Uint8Array>> {
    const { codec, requestSchema, handler: slot } = this.#options;
    const request = await decodeWith(codec, requestSchema, bytes);
    if (!request.ok) return request;
    handled.isRunning = false;
    const handler = await slot.get(context);
    if (handler === null) return err('NotSupported', 'the peer has no handler for requests');
    if (handled.isAborted) return err('Aborted', 'the peer cancelled the request');
    handled.isRunning = true;
    try {
      return encodeReply(codec, await handler(request.value, context));
    } catch (error) {
      return err('CallbackFailed', `its handler failed: ${describeThrown(error)}`, error);
    }
  }

  #reply(id: number, handled: Handled, outcome: Result<Uint8Array>): void {
    const { maxHandledBytes } = this.#options;
    const others = this.#heldBytes - handled.bytes;
    let frame = answerFrame(id, outcome);
    if (this.#outbox.isBlocked && others > 0 && others + frame.length > maxHandledBytes) {
      frame = failureFrame(
        id,
        new NetworkError('ResourceLimitExceeded', `replies of ${others} bytes wait for the requester to read them`),
      );
    }
    this.#say(id, handled, frame);
  }

  /** @param isFailure whether the frame says why there is no reply */
  #say(id: number, handled: Handled, frame: Uint8Array, isFailure = false): void {
    this.#heldBytes += frame.length - handled.bytes;
    handled.bytes = frame.length;
    handled.answer = {
      frames: [frame],
      onSent: () => {
        this.#forget(id, handled);
      },
      onFailed: (error) => {
        // A short frame with the reason may go where the reply did not. A second failure is the end.
        const mayExplain = !isFailure && (error.code === 'MessageTooLarge' || error.code === 'ResourceLimitExceeded');
        if (mayExplain) this.#say(id, handled, failureFrame(id, error), true);
        else this.#forget(id, handled);
      },
    };
    this.#outbox.push(handled.answer);
  }

  #forget(id: number, handled: Handled): void {
    if (this.#handled.get(id) !== handled) return;
    this.#handled.delete(id);
    // The program may keep the context, which refers to this object.
    handled.answer = undefined;
    this.#heldBytes -= handled.bytes;
  }

  #refuse(id: number, sentence: string): void {
    this.#refusals += 1;
    const onGone = (): void => {
      this.#refusals -= 1;
      if (this.#refusals === MAX_REFUSALS / 2) this.#setReading(true);
    };
    this.#outbox.push({
      frames: [failureFrame(id, new NetworkError('ResourceLimitExceeded', sentence))],
      onSent: onGone,
      onFailed: onGone,
    });
    if (this.#refusals >= MAX_REFUSALS) this.#setReading(false);
  }
}

/** Returns the frame of a reply, or of the reason why there is none, such as a lack of memory for that frame. */
function answerFrame(id: number, outcome: Result<Uint8Array>): Uint8Array {
  if (!outcome.ok) return failureFrame(id, outcome.error);
  try {
    return frameOf(RequestFrame.Reply, id, outcome.value);
  } catch (error) {
    return failureFrame(id, sendShortage(error));
  }
}
