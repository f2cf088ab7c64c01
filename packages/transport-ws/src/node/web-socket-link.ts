import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type ConnectionPeer, NetworkError, type PeerTls, type ResolvedConnectionConfig } from '@entropynet/core';
import { flushAtExit, Heartbeat } from '@entropynet/core/platform';
import { WebSocket } from '#ws';
import { GreetedLink } from '../protocol/greeted-link.js';
import { CompressedMessages } from './compressed-messages.js';
import { CompressingFrameWriter } from './compressing-frame-writer.js';
import type { AgreedCompression, Unreadable } from './compression.js';
import type { Masking } from './message-envelope.js';
import { clearTimeout, now, setTimeout } from './platform-timers.js';
import { readBeforeFailing } from './read-before-failing.js';
import { closeErrorOf, receiveErrorOf } from '../protocol/web-socket-errors.js';
import { WebSocketFrameReader } from './web-socket-frame-reader.js';
import { WebSocketFrameWriter } from './web-socket-frame-writer.js';
import { CloseCode } from '../protocol/web-socket-protocol.js';

/** How long the peer may take to answer a close frame that ended a broken connection. */
const LINGER_MS = 1000;

/** What a ping carries, in bytes. */
const PING_BYTES = 8;

/** Where a stream goes, as `host:port`. */
export interface StreamAddresses {
  /** This end. */
  readonly local: string;
  /** The peer's end. */
  readonly remote: string;
}

/** The stream below a link: a socket, or what a program has in its place, which knows less. */
export type LinkStream = Duplex &
  Partial<Pick<Socket, 'ref' | 'unref' | 'bytesRead' | 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>>;

/** What the handshake of a link has shown. */
export interface LinkFacts {
  /** At a server: the client's request, and what the hook made of it. */
  readonly admitted?: Pick<ConnectionPeer, 'identity' | 'request'>;
  /** Where both sides agreed to it. */
  readonly compression?: AgreedCompression | undefined;
}

/** A link over a WebSocket of `ws`: what it adds is the heartbeat, and that it stops reading while nobody takes anything. */
export class WebSocketLink extends GreetedLink {
  /** The sending half. */
  readonly writer: WebSocketFrameWriter;

  readonly #webSocket: WebSocket;
  readonly #socket: LinkStream;
  readonly #reader: WebSocketFrameReader;
  /** What a server knows of the client by its request. */
  readonly #admitted: Pick<ConnectionPeer, 'identity' | 'request'>;
  #socketError: Error | undefined;
  /** Whether this side said goodbye, or the peer did before. */
  #hasSaidGoodbye = false;
  #hasPeerLeft = false;
  #isResponsive = true;
  #silentBeats = 0;
  /** The ping whose answer is awaited, when it was first sent (`now()`), and what it carries: a peer can't guess that. */
  #ping: { readonly sentAt: number; readonly payload: Buffer } | undefined;
  #roundTripMs: number | undefined;
  #bytesHeard = -1;
  /** What waited for the kernel at the last beat. */
  #bytesForKernel = 0;
  /** What the last ping that is not answered yet carried. */
  #pingToAnswer: Buffer | undefined;
  #isPongUnderWay = false;
  #leaveHeartbeat: (() => void) | undefined;
  readonly #leaveExit: () => void;

  /**
   * @param webSocket open; nothing may have been received from it yet
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
    const onWritable = (): void => {
      this.receiver?.onWritable();
    };
    const { maxBufferedBytes } = config.webSocket;
    this.writer =
      compression === undefined
        ? new WebSocketFrameWriter(webSocket, socket, masking, maxBufferedBytes, onWritable)
        : new CompressingFrameWriter(compression, webSocket, socket, masking, maxBufferedBytes, onWritable);
    this.#leaveExit = flushAtExit(this.writer);
    readBeforeFailing(socket);
    socket.on('error', (error) => (this.#socketError = error));
    // Before the listener of `ws`, which forgets whether there was a close frame.
    socket.prependListener('end', () => {
      if (webSocket.readyState !== WebSocket.OPEN) return;
      this.#reader.whenRead(() => {
        this.finish(closeErrorOf(CloseCode.Abnormal, ''));
      });
    });
    this.#reader = new WebSocketFrameReader(
      socket,
      masking === 'none',
      this.#onMessage,
      this.#onUnknownPeer,
      compression && new CompressedMessages(compression.config, this.#onUnreadable),
    );
    webSocket.on('message', this.#onMessageOfWs);
    webSocket.on('ping', this.#onPing);
    webSocket.on('pong', this.#onPong);
    webSocket.on('error', (error) => {
      this.finish(receiveErrorOf(error));
    });
    webSocket.once('close', (code, reason) => {
      this.finish(closeErrorOf(code, reason.toString(), this.#socketError));
    });
    // `ws` emits 'close' when TCP has ended, and a peer may keep that open. A close frame is the end by itself.
    const { _receiver: receiver } = webSocket as unknown as { readonly _receiver?: EventEmitter | null };
    receiver?.once('conclude', (code: number, reason: Buffer) => {
      if (this.#hasSaidGoodbye) return;
      this.#hasPeerLeft = true;
      this.finish(closeErrorOf(code, reason.toString()));
    });
  }

  /** The addresses of both ends of the stream, as `host:port`; undefined where the stream has none, or has ended. */
  get addresses(): StreamAddresses | undefined {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    if (localAddress === undefined || remoteAddress === undefined) return undefined;
    return { local: addressOf(localAddress, localPort), remote: addressOf(remoteAddress, remotePort) };
  }

  override get peer(): ConnectionPeer {
    const address = this.addresses?.remote;
    const tls = this.#socket instanceof TLSSocket ? peerTlsOf(this.#socket) : undefined;
    return Object.freeze({
      ...(address !== undefined && { address }),
      ...(tls !== undefined && { tls }),
      ...this.#admitted,
    });
  }

  /** From the last ping that was answered to its answer, in milliseconds; undefined before there is one. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
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
      // The peer's answer is behind whatever else it has sent.
      this.resumeReading();
    });
  }

  /** Gives everything back. A close frame that is on its way gets a moment to arrive; without one, at once. */
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
    // `ws` has answered, and ends what is left at `sendTimeoutMs`: the answer is behind all that the peer has not read.
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

  /** Called by the shared heartbeat. */
  onBeat(): void {
    const { intervalMs, timeoutMs } = this.config.webSocket.heartbeat;
    const bytes = this.#socket.bytesRead ?? this.#reader.bytesRead;
    // While nothing is read here, silence says nothing about the peer.
    if (bytes !== this.#bytesHeard || !this.isReceiving || this.#reader.isWaiting || this.#hasPeerTaken()) {
      this.#bytesHeard = bytes;
      this.#onHeard();
    } else {
      this.#silentBeats += 1;
      if (this.#silentBeats * Math.min(intervalMs, timeoutMs) >= timeoutMs) {
        this.finish(
          new NetworkError('PeerDied', `no sign of life from the peer for ${timeoutMs} ms (heartbeat.timeoutMs)`),
        );
        return;
      }
      this.#setResponsive(false);
    }
    if (!this.#hasRoom) return;
    // A peer answers the last ping only, so an unanswered one is sent again.
    this.#ping ??= { sentAt: now(), payload: randomBytes(PING_BYTES) };
    this.#webSocket.ping(this.#ping.payload);
  }

  /**
   * Whether the peer's system has taken some of what waited for it at the last beat. An answer to a ping may be behind all
   * that waits, and the kernel takes more only as the peer's acknowledges.
   */
  #hasPeerTaken(): boolean {
    const before = this.#bytesForKernel;
    // As `net` itself looks whether a write goes on (`socket.setTimeout`).
    const { _handle: handle } = this.#socket as LinkStream & {
      readonly _handle?: { readonly writeQueueSize?: number } | null;
    };
    this.#bytesForKernel = handle?.writeQueueSize ?? 0;
    return before > 0 && before !== this.#bytesForKernel;
  }

  /** Whether a ping or pong may be sent now. */
  get #hasRoom(): boolean {
    const { bufferedAmount, readyState } = this.#webSocket;
    return readyState === WebSocket.OPEN && bufferedAmount <= this.config.webSocket.maxBufferedBytes;
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
    // Afterwards: while the reader has something left to deliver, it holds the stream back, and with it the peer's end.
    this.#reader.resume();
  }

  protected closeWith(code: CloseCode, reason: string): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.writer.flush();
    this.#webSocket.close(code, reason);
  }

  protected onGreeted(): void {
    this.#reader.allowFrames();
    const { intervalMs, timeoutMs } = this.config.webSocket.heartbeat;
    this.#leaveHeartbeat = Heartbeat.join(Math.min(intervalMs, timeoutMs), this);
  }

  protected onEnded(): void {
    this.#leaveHeartbeat?.();
    this.#leaveExit();
    this.#reader.stop();
  }

  readonly #onMessage = (bytes: Uint8Array, start: number, end: number, isOwned: boolean): void => {
    if (!this.#isResponsive) this.#onHeard();
    this.takeMessage(bytes, start, end, isOwned);
  };

  readonly #onUnknownPeer = (): void => {
    const reason = 'the peer sent more than a greeting before it had greeted';
    this.abort(CloseCode.ProtocolError, new NetworkError('HandshakeFailed', reason));
  };

  readonly #onUnreadable = ({ error, closeCode }: Unreadable): void => {
    this.abort(closeCode, error);
  };

  /** What the frame reader left to `ws`, which may lie in memory that is in use. */
  readonly #onMessageOfWs = (message: Buffer, isBinary: boolean): void => {
    if (isBinary) this.#onMessage(message, 0, message.length, false);
    else this.refuseText();
  };

  readonly #onPing = (data: Buffer): void => {
    this.#onHeard();
    this.#pingToAnswer = data;
    this.#answerPing();
  };

  /**
   * Answers the last ping, when the answer before has left and there is room; those in between are not answered, as RFC
   * 6455, section 5.5.3, allows: a peer that pings and does not read can't make this side hold its answers.
   */
  readonly #answerPing = (): void => {
    const data = this.#pingToAnswer;
    if (data === undefined || this.#isPongUnderWay || !this.#hasRoom) return;
    this.#pingToAnswer = undefined;
    this.#isPongUnderWay = true;
    this.#webSocket.pong(data, undefined, () => {
      this.#isPongUnderWay = false;
      this.#answerPing();
    });
  };

  readonly #onPong = (data: Buffer): void => {
    this.#onHeard();
    // A pong that nobody asked for says nothing about the way.
    if (this.#ping?.payload.equals(data) !== true) return;
    this.#roundTripMs = now() - this.#ping.sentAt;
    this.#ping = undefined;
  };

  readonly #onHeard = (): void => {
    this.#silentBeats = 0;
    this.#setResponsive(true);
  };

  #setResponsive(isResponsive: boolean): void {
    if (this.#isResponsive === isResponsive) return;
    this.#isResponsive = isResponsive;
    this.receiver?.onResponsivenessChanged(isResponsive);
  }
}

/** An IPv4 address is written the same way at both ends, also where one end has an IPv6 socket. */
function addressOf(host: string, port: number | undefined): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '');
  return `${plain.includes(':') ? `[${plain}]` : plain}:${port ?? 0}`;
}

function peerTlsOf(socket: TLSSocket): PeerTls {
  const shown = socket.getPeerCertificate();
  const hasOne = Object.keys(shown).length > 0;
  // A list where there are several: Node.js' types know one.
  const name: unknown = hasOne ? shown.subject.CN : undefined;
  return Object.freeze({
    authorized: socket.authorized,
    protocol: socket.getProtocol() ?? undefined,
    certificate: hasOne
      ? Object.freeze({ subject: typeof name === 'string' ? name : undefined, fingerprint: shown.fingerprint256 })
      : undefined,
  });
}
