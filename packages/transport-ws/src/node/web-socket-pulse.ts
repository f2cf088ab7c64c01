import { randomBytes } from 'node:crypto';
import { NetworkError, type ResolvedConnectionConfig } from '@entropynet/core';
import { Heartbeat, type HeartbeatMember } from '@entropynet/core/platform';
import { WebSocket } from '#ws';
import type { LinkStream } from './link-stream.js';
import { now } from './platform-timers.js';

/** The length of a ping's payload, in bytes. */
const PING_BYTES = 8;

/** What the pulse of a link asks of the link. */
export interface PulseHooks {
  /** How many bytes the link has received. */
  bytesHeard(): number;
  /** Whether the link reads. While it does not, silence says nothing about the peer. */
  isReading(): boolean;
  onResponsivenessChanged(isResponsive: boolean): void;
  /** No sign of life came for `heartbeat.timeoutMs`. */
  onPeerDied(error: NetworkError): void;
}

/** The pings and pongs of a WebSocket, and what they say about the peer: whether it responds, and how far away it is. */
export class WebSocketPulse implements HeartbeatMember {
  /** Whether the peer has given a sign of life lately. */
  isResponsive = true;
  /** From the last ping that was answered to its answer, in milliseconds; undefined before there is one. */
  roundTripMs: number | undefined;

  readonly #webSocket: WebSocket;
  readonly #socket: LinkStream;
  readonly #config: ResolvedConnectionConfig['webSocket'];
  readonly #hooks: PulseHooks;
  #silentBeats = 0;
  /** The ping whose answer is awaited, when it was first sent (`now()`), and what it carries: a peer can't guess that. */
  #ping: { readonly sentAt: number; readonly payload: Buffer } | undefined;
  #bytesHeard = -1;
  /** What waited for the kernel at the last beat. */
  #bytesForKernel = 0;
  /** What the last ping that is not answered yet carried. */
  #pingToAnswer: Buffer | undefined;
  #isPongUnderWay = false;
  #leaveHeartbeat: (() => void) | undefined;

  /** Answers pings from here on; its own ones come with `start()`. */
  constructor(
    webSocket: WebSocket,
    socket: LinkStream,
    config: ResolvedConnectionConfig['webSocket'],
    hooks: PulseHooks,
  ) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#config = config;
    this.#hooks = hooks;
    webSocket.on('ping', this.#onPing);
    webSocket.on('pong', this.#onPong);
  }

  /** Sends pings from here on. */
  start(): void {
    const { intervalMs, timeoutMs } = this.#config.heartbeat;
    this.#leaveHeartbeat = Heartbeat.join(Math.min(intervalMs, timeoutMs), this);
  }

  /** Sends no more pings. Idempotent. */
  stop(): void {
    this.#leaveHeartbeat?.();
  }

  /** The peer has given a sign of life. */
  onHeard(): void {
    this.#silentBeats = 0;
    this.#setResponsive(true);
  }

  /** Called by the shared heartbeat. */
  onBeat(): void {
    const { intervalMs, timeoutMs } = this.#config.heartbeat;
    const bytes = this.#hooks.bytesHeard();
    if (bytes !== this.#bytesHeard || !this.#hooks.isReading() || this.#hasPeerTaken()) {
      this.#bytesHeard = bytes;
      this.onHeard();
    } else {
      this.#silentBeats += 1;
      if (this.#silentBeats * Math.min(intervalMs, timeoutMs) >= timeoutMs) {
        this.#hooks.onPeerDied(
          new NetworkError(
            'PeerDied',
            `no sign of life from the peer for ${timeoutMs} ms (webSocket.heartbeat.timeoutMs)`,
          ),
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
    return readyState === WebSocket.OPEN && bufferedAmount <= this.#config.maxBufferedBytes;
  }

  readonly #onPing = (data: Buffer): void => {
    this.onHeard();
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
    this.onHeard();
    // A pong that nobody asked for says nothing about the way.
    if (this.#ping?.payload.equals(data) !== true) return;
    this.roundTripMs = now() - this.#ping.sentAt;
    this.#ping = undefined;
  };

  #setResponsive(isResponsive: boolean): void {
    if (this.isResponsive === isResponsive) return;
    this.isResponsive = isResponsive;
    this.#hooks.onResponsivenessChanged(isResponsive);
  }
}
