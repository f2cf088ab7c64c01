import { Capability, NetworkError, type ResolvedConnectionConfig } from '@entropynet/core';
import { GreetedLink } from '../protocol/greeted-link.js';
import { closeErrorOf } from '../protocol/web-socket-errors.js';
import { applicationCodeOf, CloseCode, SIGN_OF_LIFE } from '../protocol/web-socket-protocol.js';
import { clearInterval, clearTimeout, setInterval, setTimeout } from './page-timers.js';
import { PlatformFrameWriter } from './platform-frame-writer.js';
import { CLOSED, OPEN, type PlatformWebSocket } from './platform-web-socket.js';

/**
 * A link over the platform's WebSocket. The platform answers the server's pings itself and shows none of them, reads
 * whether somebody takes what arrives or not (the windows of the channels bound what it can hold), and keeps a page or a
 * process alive as it sees fit.
 */
export class PlatformLink extends GreetedLink {
  /** The sending half. */
  readonly writer: PlatformFrameWriter;

  readonly #webSocket: PlatformWebSocket;
  #onClosed: (() => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param webSocket open; nothing may have been received from it yet */
  constructor(webSocket: PlatformWebSocket, config: ResolvedConnectionConfig) {
    super('client', config);
    this.#webSocket = webSocket;
    this.writer = new PlatformFrameWriter(webSocket, config.webSocket.maxBufferedBytes, () => {
      this.receiver?.onWritable();
    });
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

  /** Whatever kind of bytes the platform delivers, and of whatever realm; as asked for it is an `ArrayBuffer`. */
  #takeBinary(data: unknown): void {
    const bytes = bytesOf(data);
    if (bytes !== undefined) this.takeMessage(bytes, 0, bytes.length, true);
    else {
      const reason = 'the WebSocket of this platform delivers no bytes';
      this.abort(CloseCode.UnsupportedData, new NetworkError('NotSupported', reason));
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

  /** Gives everything back. The platform has no way to end TCP at once: it says goodbye, unless something else was said. */
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
    // The platform reads on; what arrives is held.
  }

  protected resumeReading(): void {
    // It never stopped.
  }

  protected closeWith(code: CloseCode, reason: string): void {
    if (this.#webSocket.readyState === OPEN) this.#webSocket.close(applicationCodeOf(code), reason);
  }

  /**
   * No heartbeat: nothing shows whether the peer answers. But the peer has one, and the platform's answer to its ping may
   * be stuck behind a window of data on a slow line: so this side says by itself that it is alive.
   */
  protected onGreeted(): void {
    if (((this.peerLimits.capabilities ?? 0) & Capability.SignOfLife) === 0) return;
    const { intervalMs, timeoutMs } = this.config.webSocket.heartbeat;
    const timer = setInterval(this.#onBeat, Math.min(intervalMs, timeoutMs));
    // Outside of pages timers are objects, and one that only tells of life must not keep a process alive.
    if (typeof timer === 'object') timer.unref();
    this.#timer = timer;
  }

  protected onEnded(): void {
    this.writer.stop();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #onBeat = (): void => {
    // What waits for the network is a sign of life, too.
    if (this.#webSocket.readyState === OPEN && this.#webSocket.bufferedAmount === 0) this.#webSocket.send(SIGN_OF_LIFE);
  };
}

function bytesOf(data: unknown): Uint8Array | undefined {
  // A `Buffer` may share its memory with others.
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  const isBuffer = Object.prototype.toString.call(data) === '[object ArrayBuffer]';
  return isBuffer ? new Uint8Array(data as ArrayBuffer) : undefined;
}
