import { randomBytes } from 'node:crypto';
import { NetworkError, type ResolvedConnectionConfig } from '@entropynet/core';
import { Heartbeat, type HeartbeatMember } from '@entropynet/core/platform';
import { WebSocket } from '#ws';
import type { LinkStream } from './link-stream.js';
import { now } from './platform-timers.js';

/** The length of a ping's payload, in bytes. */
const PING_BYTES = 8;

/** The functions of a link that its pulse calls. */
export interface PulseHooks {
  /** Returns the number of bytes that the link has received. */
  bytesHeard(): number;
  /** Whether the link reads. If it does not, silence is no evidence about the peer. */
  isReading(): boolean;
  onResponsivenessChanged(isResponsive: boolean): void;
  /** No sign of life came for `heartbeat.timeoutMs`. */
  onPeerDied(error: NetworkError): void;
}

/** The pings and pongs of a WebSocket. They show whether the peer responds, and the round trip to it. */
export class WebSocketPulse implements HeartbeatMember {
  /** Whether the peer has given a sign of life lately. */
  isResponsive = true;
  /** The round trip of the last answered ping, in milliseconds. Undefined before the first answer. */
  roundTripMs: number | undefined;

  readonly #webSocket: WebSocket;
  readonly #socket: LinkStream;
  readonly #config: ResolvedConnectionConfig['webSocket'];
  readonly #hooks: PulseHooks;
  #silentBeats = 0;
  /** The unanswered ping: the time when it was first sent (`now()`), and its payload, which the peer can't guess. */
  #ping: { readonly sentAt: number; readonly payload: Buffer } | undefined;
  #bytesHeard = -1;
  /** The number of bytes that waited for the kernel at the last beat. */
  #bytesForKernel = 0;
  /** The payload of the peer's last ping, if this side has not answered it yet. */
  #pingToAnswer: Buffer | undefined;
  #isPongUnderWay = false;
  #leaveHeartbeat: (() => void) | undefined;

  /** From now on it answers pings. It sends its own ones after `start()`. */
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

  /** Starts sending pings. */
  start(): void {
    const { intervalMs, timeoutMs } = this.#config.heartbeat;
    this.#leaveHeartbeat = Heartbeat.join(Math.min(intervalMs, timeoutMs), this);
  }

  /** Stops sending pings. Idempotent. */
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
    // A peer may answer only the last ping, so an unanswered one is sent again.
    this.#ping ??= { sentAt: now(), payload: randomBytes(PING_BYTES) };
    this.#webSocket.ping(this.#ping.payload);
  }

  /**
   * Whether the kernel has taken some of the bytes that waited at the last beat. The answer to a ping may come after
   * all of them, and the kernel takes more only when the peer's system acknowledges earlier ones.
   */
  #hasPeerTaken(): boolean {
    const before = this.#bytesForKernel;
    // `net` itself checks the progress of a write in this way (`socket.setTimeout`).
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
   * Answers the last ping, when the previous answer has left and there is room. It skips earlier pings, as RFC 6455,
   * section 5.5.3, allows. So a peer that pings and does not read can't make this side keep many answers.
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
    // Another pong is not an answer to this side's ping.
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
