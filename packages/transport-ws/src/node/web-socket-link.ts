import type { EventEmitter } from 'node:events';
import { type ConnectionPeer, NetworkError, type ResolvedConnectionConfig } from '@entropynet/core';
import { flushAtExit } from '@entropynet/core/platform';
import { WebSocket } from '#ws';
import { GreetedLink } from '../protocol/greeted-link.js';
import { closeErrorOf, receiveErrorOf } from '../protocol/web-socket-errors.js';
import { CloseCode } from '../protocol/web-socket-protocol.js';
import { CompressingFrameWriter } from './compressing-frame-writer.js';
import type { AgreedCompression } from './compression.js';
import { addressesOf, type LinkStream, peerOf, type StreamAddresses } from './link-stream.js';
import type { Masking } from './message-envelope.js';
import { clearTimeout, setTimeout } from './platform-timers.js';
import { readBeforeFailing } from './read-before-failing.js';
import { WebSocketFrameReader } from './web-socket-frame-reader.js';
import { WebSocketFrameWriter } from './web-socket-frame-writer.js';
import { WebSocketPulse } from './web-socket-pulse.js';

/** The time for the answer to a close frame that ended a broken connection, in milliseconds. */
const LINGER_MS = 1000;

/** The results of a link's handshake. */
export interface LinkFacts {
  /** At a server: the client's request, and the identity that the hook returned. */
  readonly admitted?: Pick<ConnectionPeer, 'identity' | 'request'>;
  /** The agreed compression. Undefined if the sides did not agree on one. */
  readonly compression?: AgreedCompression | undefined;
}

/** A link over a WebSocket of `ws`. It adds the heartbeat, and stops reading while the program takes no messages. */
export class WebSocketLink extends GreetedLink {
  /** The sending half. */
  readonly writer: WebSocketFrameWriter;

  readonly #webSocket: WebSocket;
  readonly #socket: LinkStream;
  readonly #reader: WebSocketFrameReader;
  readonly #pulse: WebSocketPulse;
  /** The properties of the client that a server knows from its request. */
  readonly #admitted: Pick<ConnectionPeer, 'identity' | 'request'>;
  #socketError: Error | undefined;
  /** Whether this side has said goodbye, and whether the peer has. */
  #hasSaidGoodbye = false;
  #hasPeerLeft = false;
  readonly #leaveExit: () => void;

  /**
   * @param webSocket an open WebSocket that has received nothing yet
   * @param socket the stream below it
   */
  constructor(
    webSocket: WebSocket,
    socket: LinkStream,
    masking: Masking,
    config: ResolvedConnectionConfig,
    { admitted = {}, compression }: LinkFacts = {},
  ) {
    // Only a client masks.
    super(masking === 'none' ? 'server' : 'client', config);
    this.#webSocket = webSocket;
    this.#admitted = admitted;
    this.#socket = socket;
    const { maxBufferedBytes } = config.webSocket;
    this.writer =
      compression === undefined
        ? new WebSocketFrameWriter(webSocket, socket, masking, maxBufferedBytes, this.writerEvents)
        : new CompressingFrameWriter(compression, webSocket, socket, masking, maxBufferedBytes, this.writerEvents);
    readBeforeFailing(socket);
    socket.on('error', (error) => (this.#socketError = error));
    // This listener runs before that of `ws`, which drops the information whether a close frame came.
    socket.prependListener('end', () => {
      if (webSocket.readyState !== WebSocket.OPEN) return;
      this.#reader.whenRead(() => {
        this.finish(closeErrorOf(CloseCode.Abnormal, ''));
      });
    });
    this.#pulse = new WebSocketPulse(webSocket, socket, config.webSocket, {
      bytesHeard: () => socket.bytesRead ?? this.#reader.bytesRead,
      isReading: () => this.isReceiving && !this.#reader.isWaiting,
      onResponsivenessChanged: (isResponsive) => {
        this.receiver?.onResponsivenessChanged(isResponsive);
      },
      onPeerDied: (error) => {
        this.finish(error);
      },
    });
    this.#reader = new WebSocketFrameReader(
      socket,
      masking === 'none',
      {
        onMessage: this.#onMessage,
        onUnknownPeer: this.#onUnknownPeer,
        onUnreadable: ({ error, closeCode }) => {
          this.abort(closeCode, error);
        },
        onShortage: (error) => {
          this.endForShortage(error);
        },
      },
      compression?.config,
    );
    webSocket.on('message', this.#onMessageOfWs);
    webSocket.on('error', (error) => {
      this.finish(receiveErrorOf(error));
    });
    webSocket.once('close', (code, reason) => {
      this.finish(closeErrorOf(code, reason.toString(), this.#socketError));
    });
    // `ws` emits 'close' when TCP has ended, and a peer may keep TCP open. The close frame alone ends the connection.
    const { _receiver: receiver } = webSocket as unknown as { readonly _receiver?: EventEmitter | null };
    receiver?.once('conclude', (code: number, reason: Buffer) => {
      if (this.#hasSaidGoodbye) return;
      this.#hasPeerLeft = true;
      this.finish(closeErrorOf(code, reason.toString()));
    });
    // Last: if a step above throws, nobody has the link, and nothing would take its writer off the list.
    this.#leaveExit = flushAtExit(this.writer);
  }

  /** The addresses of both ends of the stream, as `host:port`. Undefined if the stream has none, or has ended. */
  get addresses(): StreamAddresses | undefined {
    return addressesOf(this.#socket);
  }

  override get peer(): ConnectionPeer {
    return Object.freeze({ ...peerOf(this.#socket), ...this.#admitted });
  }

  /** The round trip of the last answered ping, in milliseconds. Undefined before the first answer. */
  get roundTripMs(): number | undefined {
    return this.#pulse.roundTripMs;
  }

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
      this.#hasSaidGoodbye = true;
      webSocket.close(CloseCode.Normal);
      // The peer's answer comes after all that it has sent before.
      this.resumeReading();
    });
  }

  /** Releases everything: at once, or after a moment if a close frame is on its way. */
  release(): void {
    this.forget();
    const webSocket = this.#webSocket;
    if (webSocket.readyState === WebSocket.CLOSED) return;
    if (webSocket.readyState === WebSocket.OPEN) {
      webSocket.terminate();
      return;
    }
    this.#socket.unref?.();
    webSocket.resume();
    // `ws` has answered. It ends the socket at `sendTimeoutMs`: the answer waits behind all that the peer has not read.
    if (this.#hasPeerLeft) return;
    const timer = setTimeout(() => {
      webSocket.terminate();
    }, LINGER_MS).unref();
    webSocket.once('close', () => {
      clearTimeout(timer);
    });
  }

  setReferenced(isReferenced: boolean): void {
    if (isReferenced) this.#socket.ref?.();
    else this.#socket.unref?.();
  }

  protected sendMessage(bytes: Uint8Array): void {
    this.#webSocket.send(bytes);
  }

  protected pauseReading(): void {
    this.#webSocket.pause();
    this.#reader.pause();
  }

  protected resumeReading(): void {
    this.#webSocket.resume();
    // This comes second: while the reader has bytes to deliver, it pauses the stream, which also delays the peer's end.
    this.#reader.resume();
  }

  protected closeWith(code: CloseCode, reason: string): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.writer.flush();
    this.#webSocket.close(code, reason);
  }

  protected onGreeted(): void {
    this.#reader.allowFrames();
    this.#pulse.start();
  }

  protected onEnded(): void {
    this.#pulse.stop();
    this.#leaveExit();
    this.#reader.stop();
  }

  readonly #onMessage = (bytes: Uint8Array, start: number, end: number, isOwned: boolean): void => {
    if (!this.#pulse.isResponsive) this.#pulse.onHeard();
    this.takeMessage(bytes, start, end, isOwned);
  };

  readonly #onUnknownPeer = (): void => {
    const reason = 'the peer sent more than a greeting before it had greeted';
    this.abort(CloseCode.ProtocolError, new NetworkError('HandshakeFailed', reason));
  };

  /** Receives the messages that the frame reader leaves to `ws`. Other code may still use their memory. */
  readonly #onMessageOfWs = (message: Buffer, isBinary: boolean): void => {
    if (isBinary) this.#onMessage(message, 0, message.length, false);
    else this.refuseText();
  };
}
