import {
  type ConnectionBackend,
  type ConnectionConfig,
  ConnectionType,
  err,
  type FrameLink,
  NetworkConnection,
  type NetworkError,
  ok,
  resolveOwnConfig,
  type Result,
  unwrap,
} from '@entropynet/core';
import { checkPlatform } from '#nats-client';
import { dialNats } from './dial-nats.js';
import { type NatsAddress, parseNatsAddress } from './nats-address.js';
import type { NatsLink } from './nats-link.js';
import { natsSection } from './nats-options.js';

/** The name of the transport in configurations and logs. */
export const NATS_BACKEND = 'nats';

/** A connection over NATS. */
export class NatsConnection extends NetworkConnection {
  readonly #address: NatsAddress;
  #link: NatsLink | undefined;
  #isReferenced = true;

  /**
   * @param config a configuration, or just the endpoint. Throws a `NetworkError` (`InvalidParameter`) for a wrong one.
   * @param accepted for a server: a link after the handshake
   */
  constructor(config: ConnectionConfig | string, accepted?: NatsLink) {
    super(unwrap(resolveOwnConfig(typeof config === 'string' ? { endpoint: config } : config, natsSection)), accepted);
    unwrap(checkPlatform(this.config));
    this.#address = unwrap(parseNatsAddress(this.config.endpoint));
    if (accepted !== undefined) this.#use(accepted);
  }

  getType(): ConnectionType {
    return ConnectionType.Remote;
  }

  getBackend(): ConnectionBackend {
    return NATS_BACKEND;
  }

  /**
   * The round trip of the last ping, in milliseconds. A side sends pings while it receives nothing. Undefined before
   * the first answer, and while not connected.
   */
  override get roundTripMs(): number | undefined {
    return this.#link?.roundTripMs;
  }

  /**
   * A text that identifies the connection at both ends, for monitoring. Undefined while not connected.
   */
  override get linkKey(): string | undefined {
    return this.#link?.key;
  }

  /** For servers: whether the client left before the program received from it, and left no message. */
  get isAbandoned(): boolean {
    return this.#link?.isAbandoned ?? false;
  }

  protected async doConnect(signal: AbortSignal): Promise<Result<FrameLink>> {
    const dialled = await dialNats(this.#address, this.config, signal);
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
    await this.#link?.close();
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
    if (error?.code === 'InvalidMessage' || error?.code === 'ResourceLimitExceeded') this.#link?.fail(error);
    super.onStateChanged(state, error);
  }

  #use(link: NatsLink): void {
    this.#link = link;
    if (!this.#isReferenced) link.setReferenced(false);
    link.use({
      onFrame: (header, bytes, start, end, isOwned) => {
        this.onFrameReceived(header, bytes, start, end, isOwned);
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
