import type { Socket } from 'node:net';
import {
  debugLog,
  err,
  NetworkError,
  OK,
  type FrameLink,
  type PeerLimits,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { WebSocket } from 'ws';
import { Greeting } from './greeting.js';
import { Heartbeat } from './heartbeat.js';
import type { Masking } from './message-envelope.js';
import { readBeforeFailing } from './read-before-failing.js';
import { closeErrorOf, receiveErrorOf } from './web-socket-errors.js';
import { WebSocketFrameWriter } from './web-socket-frame-writer.js';
import { CloseCode, HEADER_BYTES } from './web-socket-protocol.js';

const log = debugLog('ws');

/** How long the peer may take to answer a close frame that ended a broken connection. */
const LINGER_MS = 1000;

/** The longest reason that fits into a close frame, in bytes. */
const MAX_REASON_BYTES = 123;

/** What a link tells the connection that uses it. */
export interface WebSocketLinkReceiver {
  onFrame(header: number, message: Uint8Array, start: number, end: number, isOwned: boolean): void;
  /** The link ended: with the peer's goodbye, or for a reason. Called once, after the last frame. */
  onEnd(error: NetworkError | undefined): void;
  onWritable(): void;
  onResponsivenessChanged(isResponsive: boolean): void;
}

/**
 * One open WebSocket, seen as a link: greeting, frames, heartbeat, end. From the greeting until `receive()` nothing
 * more is read and what has arrived is held.
 */
export class WebSocketLink implements FrameLink {
  /** The sending half. */
  readonly writer: WebSocketFrameWriter;

  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #config: ResolvedConnectionConfig;
  #peerLimits: PeerLimits | undefined;
  #receiver: WebSocketLinkReceiver | undefined;
  readonly #greeting: Greeting;
  /** Set while the peer's greeting is awaited. */
  #onGreeted: ((result: Result) => void) | undefined;
  /** Messages that arrived in one piece with the greeting. */
  #held: Buffer[] = [];
  #end: { error: NetworkError | undefined } | undefined;
  #socketError: Error | undefined;
  #isReceiving = false;
  #isResponsive = true;
  #silentBeats = 0;
  #bytesHeard = -1;
  #leaveHeartbeat: (() => void) | undefined;

  /**
   * @param webSocket open; nothing may have been received from it yet
   * @param socket the stream below it
   */
  constructor(webSocket: WebSocket, socket: Socket, masking: Masking, config: ResolvedConnectionConfig) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#config = config;
    this.writer = new WebSocketFrameWriter(webSocket, socket, masking, config.webSocket.maxBufferedBytes, () => {
      this.#receiver?.onWritable();
    });
    // Only a client masks.
    this.#greeting = new Greeting(masking === 'none' ? 'server' : 'client', config, (bytes) => {
      webSocket.send(bytes);
    });
    readBeforeFailing(socket);
    socket.on('error', (error) => (this.#socketError = error));
    // Before the listener of `ws`, which forgets whether there was a close frame.
    socket.prependListener('end', () => {
      if (webSocket.readyState === WebSocket.OPEN) this.#finish(closeErrorOf(CloseCode.Abnormal, ''));
    });
    webSocket.on('message', this.#onMessage);
    webSocket.on('ping', this.#onPing);
    webSocket.on('pong', this.#onHeard);
    webSocket.on('error', (error) => {
      this.#finish(receiveErrorOf(error));
    });
    webSocket.once('close', (code, reason) => {
      this.#finish(closeErrorOf(code, reason.toString(), this.#socketError));
    });
  }

  /** Known once `greet()` has succeeded. */
  get peerLimits(): PeerLimits {
    if (this.#peerLimits === undefined) throw new Error('the peer has not greeted yet');
    return this.#peerLimits;
  }

  /**
   * Greets the peer and waits for its greeting. After a failure the link is closed, and the peer knows why. An aborted
   * `signal` gives its up; its reason is the failure where it is a `NetworkError`.
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

  /** Takes part from here on; frames come with `start()`. */
  use(receiver: WebSocketLinkReceiver): void {
    this.#receiver = receiver;
  }

  /** Delivers from here on: first what was held. */
  start(): void {
    this.#isReceiving = true;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#deliver(message);
    if (this.#end === undefined) this.#webSocket.resume();
    else this.#tellEnd();
  }

  /** Says goodbye after everything that was written; resolves when the peer has answered, or at the limit. */
  close(limitMs: number): Promise<void> {
    const webSocket = this.#webSocket;
    if (webSocket.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        webSocket.terminate();
      }, limitMs);
      webSocket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.writer.flush();
      webSocket.close(CloseCode.Normal);
      // The peer's answer is behind whatever else it has sent.
      webSocket.resume();
    });
  }

  /** Ends a link that can't go on, and tells the peer why. */
  abort(code: CloseCode, error: NetworkError): void {
    log(() => `closing with code ${code}: ${error.code}: ${error.message}`);
    this.#sayWhy(code, error.message);
    this.#finish(error);
  }

  /** Gives everything back. A close frame that is on its way gets a moment to arrive; without one, at once. */
  release(): void {
    this.#receiver = undefined;
    this.#held = [];
    this.#end ??= { error: undefined };
    this.#leaveHeartbeat?.();
    const webSocket = this.#webSocket;
    if (webSocket.readyState === WebSocket.CLOSED) return;
    if (webSocket.readyState === WebSocket.OPEN) {
      webSocket.terminate();
      return;
    }
    this.#socket.unref();
    webSocket.resume();
    const timer = setTimeout(() => {
      webSocket.terminate();
    }, LINGER_MS).unref();
    webSocket.once('close', () => {
      clearTimeout(timer);
    });
  }

  /** Whether an idle link keeps the process alive. */
  setReferenced(isReferenced: boolean): void {
    if (isReferenced) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Called by the shared heartbeat. */
  onBeat(): void {
    const { intervalMs, timeoutMs } = this.#config.webSocket.heartbeat;
    const bytes = this.#socket.bytesRead;
    // While nothing is read here, silence says nothing about the peer.
    if (bytes !== this.#bytesHeard || !this.#isReceiving) {
      this.#bytesHeard = bytes;
      this.#onHeard();
    } else {
      this.#silentBeats += 1;
      if (this.#silentBeats * Math.min(intervalMs, timeoutMs) >= timeoutMs) {
        this.#finish(
          new NetworkError('PeerDied', `no sign of life from the peer for ${timeoutMs} ms (heartbeat.timeoutMs)`),
        );
        return;
      }
      this.#setResponsive(false);
    }
    if (this.#hasRoom) this.#webSocket.ping();
  }

  /** Whether a ping or pong may be sent now. */
  get #hasRoom(): boolean {
    const { bufferedAmount, readyState } = this.#webSocket;
    return readyState === WebSocket.OPEN && bufferedAmount <= this.#config.webSocket.maxBufferedBytes;
  }

  // Hot path: the first branch, which allocates nothing.
  readonly #onMessage = (message: Buffer, isBinary: boolean): void => {
    if (this.#end !== undefined) return;
    if (!isBinary) {
      this.abort(CloseCode.UnsupportedData, new NetworkError('InvalidMessage', 'the peer sent a text message'));
    } else if (this.#isReceiving) {
      if (!this.#isResponsive) this.#onHeard();
      this.#deliver(message);
    } else if (this.#onGreeted !== undefined) {
      this.#onGreeting(message, this.#onGreeted);
    } else {
      this.#held.push(message);
    }
  };

  #onGreeting(message: Buffer, onGreeted: (result: Result) => void): void {
    const greeted = this.#greeting.receive(message);
    if (!greeted.ok) {
      this.abort(this.#greeting.closeCode, greeted.error);
      return;
    }
    if (greeted.value === undefined) return;
    this.#peerLimits = greeted.value;
    this.#webSocket.pause();
    const { intervalMs, timeoutMs } = this.#config.webSocket.heartbeat;
    this.#leaveHeartbeat = Heartbeat.join(Math.min(intervalMs, timeoutMs), this);
    onGreeted(OK);
  }

  #deliver(message: Buffer): void {
    if (message.length < HEADER_BYTES) {
      const reason = `the peer sent a message of ${message.length} bytes, a frame has at least ${HEADER_BYTES}`;
      this.abort(CloseCode.ProtocolError, new NetworkError('InvalidMessage', reason));
      return;
    }
    const header = (message[0]! | (message[1]! << 8) | (message[2]! << 16) | (message[3]! << 24)) >>> 0;
    // A short message is a view of a large read: giving it away would let it keep all of that alive.
    const isOwned = message.length * 2 >= message.buffer.byteLength;
    this.#receiver?.onFrame(header, message, HEADER_BYTES, message.length, isOwned);
  }

  /**
   * Answers a ping. One that finds no room is not answered, as RFC 6455, section 5.5.3, allows when others follow: a peer
   * that pings and does not read can't make this side hold its answers.
   */
  readonly #onPing = (data: Buffer): void => {
    this.#onHeard();
    if (this.#hasRoom) this.#webSocket.pong(data);
  };

  readonly #onHeard = (): void => {
    this.#silentBeats = 0;
    this.#setResponsive(true);
  };

  #setResponsive(isResponsive: boolean): void {
    if (this.#isResponsive === isResponsive) return;
    this.#isResponsive = isResponsive;
    this.#receiver?.onResponsivenessChanged(isResponsive);
  }

  /** The link ended. What comes after the first reason is a consequence of it. */
  #finish(error: NetworkError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#leaveHeartbeat?.();
    if (this.#onGreeted !== undefined) {
      this.#onGreeted(failureOf(error));
      this.release();
    } else if (this.#isReceiving) this.#tellEnd();
  }

  #tellEnd(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.onEnd(this.#end?.error);
  }

  #sayWhy(code: CloseCode, reason: string): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.writer.flush();
    this.#webSocket.close(code, fittingReason(reason));
  }
}

/** As much of the text as a close frame holds, cut between characters. */
function fittingReason(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_REASON_BYTES));
  return text.slice(0, read);
}

function failureOf(error: NetworkError | undefined): Result {
  if (error === undefined) return err('HandshakeFailed', 'the peer closed the connection during the handshake');
  return { ok: false, error };
}
