import {
  type ConnectionBackend,
  type ConnectionConfig,
  ConnectionBackend as Backends,
  ConnectionType,
  err,
  type FrameLink,
  NetworkConnection,
  type NetworkError,
  ok,
  type Result,
  unwrap,
} from '@entropynet/core';
import { dialWebSocket } from './dial-web-socket.js';
import { parseWebSocketAddress, type WebSocketAddress } from './web-socket-address.js';
import type { WebSocketLink } from './web-socket-link.js';
import { CloseCode } from './web-socket-protocol.js';

/** A connection over WebSocket. */
export class WebSocketConnection extends NetworkConnection {
  readonly #address: WebSocketAddress;
  #link: WebSocketLink | undefined;
  #isReferenced = true;

  /**
   * @param config a configuration, or just the endpoint. Throws a `NetworkError` (`InvalidParameter`) for a wrong one.
   * @param accepted for `WebSocketConnectionServer`: a link on which both sides have greeted
   */
  constructor(config: ConnectionConfig | string, accepted?: WebSocketLink) {
    super(typeof config === 'string' ? { endpoint: config } : config, accepted);
    this.#address = unwrap(parseWebSocketAddress(this.config.endpoint));
    if (accepted !== undefined) this.#use(accepted);
  }

  getType(): ConnectionType {
    return ConnectionType.Remote;
  }

  getBackend(): ConnectionBackend {
    return Backends.WebSocket;
  }

  protected async doConnect(signal: AbortSignal): Promise<Result<FrameLink>> {
    const dialled = await dialWebSocket(this.#address, this.config, signal);
    if (!dialled.ok) return dialled;
    const link = dialled.value;
    if (signal.aborted) {
      link.release();
      return err('Aborted', 'connecting was aborted', signal.reason);
    }
    this.#use(link);
    return ok(link);
  }

  protected doStartReceiving(): void {
    this.#link?.start();
  }

  protected async doDisconnect(): Promise<void> {
    await this.#link?.close(this.config.sendTimeoutMs);
  }

  protected doRelease(): void {
    this.#link?.release();
    this.#link = undefined;
  }

  protected doSetReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    this.#link?.setReferenced(isReferenced);
  }

  /** Where it was this side that found fault, the peer is told. */
  protected override onStateChanged(state: 'disconnected' | 'failed', error?: NetworkError): void {
    if (error?.code === 'InvalidMessage') this.#link?.abort(CloseCode.ProtocolError, error);
    super.onStateChanged(state, error);
  }

  #use(link: WebSocketLink): void {
    this.#link = link;
    if (!this.#isReferenced) link.setReferenced(false);
    link.use({
      onFrame: (header, message, start, end, isOwned) => {
        this.onFrameReceived(header, message, start, end, isOwned);
      },
      onEnd: (error) => {
        this.onStateChanged(error === undefined ? 'disconnected' : 'failed', error);
      },
      onWritable: () => {
        this.onWritable();
      },
      onResponsivenessChanged: (isResponsive) => {
        this.onResponsivenessChanged(isResponsive);
      },
    });
  }
}
