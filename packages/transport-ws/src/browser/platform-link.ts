import { Capability, NetworkError, receiveShortage, type ResolvedConnectionConfig } from '@entropynet/core';
import { GreetedLink } from '../protocol/greeted-link.js';
import { closeErrorOf } from '../protocol/web-socket-errors.js';
import { applicationCodeOf, CloseCode, SIGN_OF_LIFE } from '../protocol/web-socket-protocol.js';
import { clearInterval, clearTimeout, setInterval, setTimeout } from './page-timers.js';
import { PlatformFrameWriter } from './platform-frame-writer.js';
import { CLOSED, OPEN, type PlatformWebSocket } from './platform-web-socket.js';

/**
 * A link over the platform's WebSocket. The platform answers the server's pings itself and does not report them. It
 * always reads, even if no consumer takes the messages; the windows of the channels limit their memory. It also decides
 * by itself what keeps a page or a process alive.
 */
export class PlatformLink extends GreetedLink {
  /** The sending half. */
  readonly writer: PlatformFrameWriter;

  readonly #webSocket: PlatformWebSocket;
  #onClosed: (() => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param webSocket an open WebSocket from which no message was received yet */
  constructor(webSocket: PlatformWebSocket, config: ResolvedConnectionConfig) {
    super('client', config);
    this.#webSocket = webSocket;
    this.writer = new PlatformFrameWriter(webSocket, config.webSocket.maxBufferedBytes, this.writerEvents);
    webSocket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.refuseText();
      else this.#takeBinary(data);
      this.writer.lookForRoom();
    });
    webSocket.addEventListener('close', ({ code, reason }) => {
      this.finish(closeErrorOf(code, reason));
      this.#onClosed?.();
    });
  }

  /** Takes binary data of every class and realm, although this link asks the platform for `ArrayBuffer`s. */
  #takeBinary(data: unknown): void {
    try {
      const bytes = bytesOf(data);
      if (bytes !== undefined) this.takeMessage(bytes, 0, bytes.length, true);
      else {
        const reason = 'the WebSocket of this platform delivers no bytes';
        this.abort(CloseCode.UnsupportedData, new NetworkError('NotSupported', reason));
      }
    } catch (error) {
      this.endForShortage(receiveShortage(error));
    }
  }

  close(limitMs: number): Promise<void> {
    const webSocket = this.#webSocket;
    if (webSocket.readyState === CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onClosed = () => {
        clearTimeout(timer);
        resolve();
      };
      webSocket.close(CloseCode.Normal);
    });
  }

  /** Releases everything. The platform can't end TCP at once, so it sends a close frame if none was sent before. */
  release(): void {
    this.forget();
    if (this.#webSocket.readyState !== CLOSED) this.#webSocket.close();
  }

  setReferenced(): void {
    // The platform decides.
  }

  protected sendMessage(bytes: Uint8Array): void {
    this.#webSocket.send(bytes);
  }

  protected pauseReading(): void {
    // The platform continues to read. The link holds the messages that arrive.
  }

  protected resumeReading(): void {
    // The platform never stopped reading.
  }

  protected closeWith(code: CloseCode, reason: string): void {
    if (this.#webSocket.readyState === OPEN) this.#webSocket.close(applicationCodeOf(code), reason);
  }

  /**
   * Starts the signs of life. This side has no heartbeat, because the platform does not show if the peer answers. But
   * the peer has one, and the platform's answer to its ping may wait behind a window of data on a slow line. So this
   * side sends signs of life by itself.
   */
  protected onGreeted(): void {
    if (((this.peerLimits.capabilities ?? 0) & Capability.SignOfLife) === 0) return;
    const { intervalMs, timeoutMs } = this.config.webSocket.heartbeat;
    const timer = setInterval(this.#onBeat, Math.min(intervalMs, timeoutMs));
    // In other runtimes timers are objects. A timer for signs of life must not keep a process alive.
    if (typeof timer === 'object') timer.unref();
    this.#timer = timer;
  }

  protected onEnded(): void {
    this.writer.stop();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #onBeat = (): void => {
    // Data that waits for the network is a sign of life, too.
    if (this.#webSocket.readyState === OPEN && this.#webSocket.bufferedAmount === 0) this.#webSocket.send(SIGN_OF_LIFE);
  };
}

function bytesOf(data: unknown): Uint8Array | undefined {
  // A `Buffer` may share its memory with other arrays.
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  const isBuffer = Object.prototype.toString.call(data) === '[object ArrayBuffer]';
  return isBuffer ? new Uint8Array(data as ArrayBuffer) : undefined;
}
