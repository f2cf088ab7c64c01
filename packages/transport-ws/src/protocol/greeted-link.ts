import {
  type ConnectionPeer,
  debugLog,
  decodeUint32,
  err,
  NetworkError,
  OK,
  type FrameLink,
  type FrameWriter,
  type PeerLimits,
  type ResolvedConnectionConfig,
  type Result,
  shortageOf,
} from '@entropynet/core';
import type { FrameWriterEvents } from './frame-writer-events.js';
import { Greeting, type WebSocketSide } from './greeting.js';
import { CloseCode, HEADER_BYTES, SIGN_OF_LIFE } from './web-socket-protocol.js';

const log = debugLog('ws');

/** The longest reason that fits into a close frame, in bytes. */
const MAX_REASON_BYTES = 123;

const NOTHING_KNOWN: ConnectionPeer = Object.freeze({});

/** The events of a link, for its connection. */
export interface WebSocketLinkReceiver {
  onFrame(header: number, message: Uint8Array, start: number, end: number, isOwned: boolean): void;
  /** The link ended: with the peer's goodbye, or with an error. Called once, after the last frame. */
  onEnd(error: NetworkError | undefined): void;
  onWritable(): void;
  onResponsivenessChanged(isResponsive: boolean): void;
}

/**
 * A link over one open WebSocket: greeting, frames, end. It is the base for `ws` and for the platform's WebSocket. It
 * holds the first message between the greeting and `start()`. Meanwhile it stops reading, if the implementation can do
 * that.
 */
export abstract class GreetedLink implements FrameLink {
  /** The sending half. */
  abstract readonly writer: FrameWriter;

  /** The events of the writer. */
  protected readonly writerEvents: FrameWriterEvents = {
    onWritable: () => {
      this.#receiver?.onWritable();
    },
    onShortage: (error) => {
      this.endForShortage(error);
    },
  };
  /** This side's configuration, complete. */
  protected readonly config: ResolvedConnectionConfig;
  readonly #greeting: Greeting;
  #peerLimits: PeerLimits | undefined;
  #receiver: WebSocketLinkReceiver | undefined;
  /** Set while this side waits for the peer's greeting. */
  #onGreeted: ((result: Result) => void) | undefined;
  /** The messages that arrived before a receiver takes them. */
  #held: Uint8Array[] = [];
  #end: { error: NetworkError | undefined } | undefined;
  #isReceiving = false;

  protected constructor(side: WebSocketSide, config: ResolvedConnectionConfig) {
    this.config = config;
    this.#greeting = new Greeting(side, config, (bytes) => {
      this.sendMessage(bytes);
    });
  }

  /** The known properties of the peer. */
  get peer(): ConnectionPeer {
    return NOTHING_KNOWN;
  }

  /** Known after `greet()` has succeeded. */
  get peerLimits(): PeerLimits {
    if (this.#peerLimits === undefined) throw new Error('the peer has not greeted yet');
    return this.#peerLimits;
  }

  /**
   * Greets the peer and waits for its greeting. After a failure it closes the link, and the peer learns the reason. An
   * aborted `signal` ends the attempt; the failure is the signal's reason if that is a `NetworkError`.
   */
  greet(signal: AbortSignal): Promise<Result> {
    return new Promise((resolve) => {
      const onAbort = (): void => {
        const reason: unknown = signal.reason;
        const error = reason instanceof NetworkError ? reason : new NetworkError('Aborted', 'connecting was aborted');
        this.abort(error.code === 'Timeout' ? CloseCode.PolicyViolation : CloseCode.GoingAway, error);
      };
      this.#onGreeted = (result) => {
        this.#onGreeted = undefined;
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else if (this.#end !== undefined) this.#onGreeted(failureOf(this.#end.error));
      else this.#greeting.begin();
    });
  }

  /** For servers: whether the peer has gone before this side received from it, and left no message. */
  get isAbandoned(): boolean {
    return this.#end !== undefined && !this.#isReceiving && this.#held.length === 0;
  }

  /** Reports to this receiver from now on. Frames follow after `start()`. */
  use(receiver: WebSocketLinkReceiver): void {
    this.#receiver = receiver;
  }

  /** Starts the delivery, with the held messages first. */
  start(): void {
    this.#isReceiving = true;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#deliver(message, 0, message.length, true);
    if (this.#end === undefined) this.resumeReading();
    else this.#tellEnd();
  }

  /** Ends a broken link, and sends the reason to the peer. */
  abort(code: CloseCode, error: NetworkError): void {
    log(() => `closing with code ${code}: ${error.code}: ${error.message}`);
    try {
      this.closeWith(code, fittingReason(error.message));
    } catch (failure) {
      // Without memory for the close frame, the peer learns no reason.
      if (shortageOf(failure) === undefined) throw failure;
    }
    this.finish(error);
  }

  /** Says goodbye after all written frames. Resolves when the peer has answered, or at the time limit. */
  abstract close(limitMs: number): Promise<void>;

  /** Releases everything. */
  abstract release(): void;

  /** Whether an idle link keeps the process alive. */
  abstract setReferenced(isReferenced: boolean): void;

  /** Sends one message of the greeting. */
  protected abstract sendMessage(bytes: Uint8Array): void;

  /** Stops reading, if the implementation can do that. */
  protected abstract pauseReading(): void;

  /** Continues reading. */
  protected abstract resumeReading(): void;

  /** Sends a close frame, if the link can still send one. */
  protected abstract closeWith(code: CloseCode, reason: string): void;

  /** The greetings are done. */
  protected abstract onGreeted(): void;

  /** The link ended. The receiver may learn it later. */
  protected abstract onEnded(): void;

  /** Whether frames go to a receiver now. */
  protected get isReceiving(): boolean {
    return this.#isReceiving;
  }

  /** The receiver; undefined before `use()` and after the end. */
  protected get receiver(): WebSocketLinkReceiver | undefined {
    return this.#receiver;
  }

  /** A binary message arrived: `bytes[start, end)`. `isOwned`: whether this side may keep its memory. */
  // Hot path: the first branch, which allocates nothing.
  protected takeMessage(bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    if (this.#end !== undefined) return;
    if (this.#isReceiving) this.#deliver(bytes, start, end, isOwned);
    else if (this.#onGreeted !== undefined) this.#takeGreeting(bytes.subarray(start, end), this.#onGreeted);
    // A sign of life is of no use to a later receiver.
    else if (!isSignOfLife(bytes, start, end)) this.#hold(bytes.subarray(start, end));
  }

  /** There is no memory to go on: ends the link, and sends the reason to the peer. */
  protected endForShortage(shortage: NetworkError): void {
    this.abort(CloseCode.TryAgainLater, shortage);
  }

  /** A text message arrived. The protocol has none. */
  protected refuseText(): void {
    if (this.#end !== undefined) return;
    this.abort(CloseCode.UnsupportedData, new NetworkError('InvalidMessage', 'the peer sent a text message'));
  }

  /** Ends the link. An error after the first one is a consequence of it. */
  protected finish(error: NetworkError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.onEnded();
    if (this.#onGreeted !== undefined) {
      this.#onGreeted(failureOf(error));
      this.release();
    } else if (this.#isReceiving) this.#tellEnd();
  }

  /** Stops all reports. */
  protected forget(): void {
    this.#receiver = undefined;
    this.#held = [];
    this.#end ??= { error: undefined };
    this.onEnded();
  }

  #takeGreeting(message: Uint8Array, onGreeted: (result: Result) => void): void {
    const greeted = this.#greeting.receive(message);
    if (!greeted.ok) {
      this.abort(this.#greeting.closeCode, greeted.error);
      return;
    }
    if (greeted.value === undefined) return;
    this.#peerLimits = greeted.value;
    this.onGreeted();
    onGreeted(OK);
  }

  /**
   * Keeps a message until a receiver takes it, and stops reading, because otherwise the link would see the peer's end
   * first.
   */
  #hold(message: Uint8Array): void {
    this.#held.push(new Uint8Array(message));
    this.pauseReading();
  }

  #deliver(bytes: Uint8Array, start: number, end: number, isOwned: boolean): void {
    if (end - start < HEADER_BYTES) {
      if (isSignOfLife(bytes, start, end)) return;
      const reason = `the peer sent a message of ${end - start} bytes, a frame has at least ${HEADER_BYTES}`;
      this.abort(CloseCode.ProtocolError, new NetworkError('InvalidMessage', reason));
      return;
    }
    this.#receiver?.onFrame(decodeUint32(bytes, start), bytes, start + HEADER_BYTES, end, isOwned);
  }

  #tellEnd(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.onEnd(this.#end?.error);
  }
}

function isSignOfLife(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === SIGN_OF_LIFE.length && bytes[start] === SIGN_OF_LIFE[0];
}

/** Returns the part of the text that fits into a close frame, cut between characters. */
function fittingReason(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_REASON_BYTES));
  return text.slice(0, read);
}

function failureOf(error: NetworkError | undefined): Result {
  if (error === undefined) return err('HandshakeFailed', 'the peer closed the connection during the handshake');
  return { ok: false, error };
}
