import {
  type ConnectionBackend,
  type ConnectionConfig,
  type ConnectionPeer,
  ConnectionBackend as Backends,
  ConnectionType,
  err,
  type FrameLink,
  NetworkConnection,
  type NetworkError,
  ok,
  type ResolvedConnectionConfig,
  resolveOwnConfig,
  type Result,
  unwrap,
} from '@entropynet/core';
import type { GreetedLink } from './greeted-link.js';
import { parseWebSocketAddress, type WebSocketAddress } from './web-socket-address.js';
import { webSocketSection } from './web-socket-options.js';
import { CloseCode } from './web-socket-protocol.js';

/** A connection over WebSocket, for every implementation of WebSocket. */
export abstract class GreetedConnection extends NetworkConnection {
  readonly #address: WebSocketAddress;
  #link: GreetedLink | undefined;
  #peer: ConnectionPeer | undefined;
  #isReferenced = true;

  /**
   * @param config a configuration, or just the endpoint. Throws a `NetworkError` (`InvalidParameter`) for a wrong one.
   * @param accepted for a server: a link on which both sides have greeted
   */
  constructor(config: ConnectionConfig | string, accepted?: GreetedLink) {
    super(
      unwrap(resolveOwnConfig(typeof config === 'string' ? { endpoint: config } : config, webSocketSection)),
      accepted,
    );
    this.#address = unwrap(parseWebSocketAddress(this.config.endpoint));
    if (accepted !== undefined) this.#use(accepted);
  }

  /** The present link; undefined if there is none. */
  protected get link(): GreetedLink | undefined {
    return this.#link;
  }

  getType(): ConnectionType {
    return ConnectionType.Remote;
  }

  override get peer(): ConnectionPeer {
    return this.#peer ?? super.peer;
  }

  getBackend(): ConnectionBackend {
    return Backends.WebSocket;
  }

  /**
   * Makes a link to the server at `address` and exchanges the greetings. If `signal` aborts, it releases everything.
   */
  protected abstract dial(
    address: WebSocketAddress,
    config: ResolvedConnectionConfig,
    signal: AbortSignal,
  ): Promise<Result<GreetedLink>>;

  protected async doConnect(signal: AbortSignal): Promise<Result<FrameLink>> {
    const dialled = await this.dial(this.#address, this.config, signal);
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

  /** If this side found the fault, it sends the reason to the peer. */
  protected override onStateChanged(state: 'disconnected' | 'failed', error?: NetworkError): void {
    if (error?.code === 'InvalidMessage') this.#link?.abort(CloseCode.ProtocolError, error);
    else if (error?.code === 'ResourceLimitExceeded') this.#link?.abort(CloseCode.TryAgainLater, error);
    super.onStateChanged(state, error);
  }

  #use(link: GreetedLink): void {
    this.#link = link;
    this.#peer = link.peer;
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
