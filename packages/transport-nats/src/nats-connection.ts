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
   * @param accepted for a server: a link whose handshake is over
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
   * How long the last question to the peer and its answer took, in milliseconds; a side asks while it hears nothing.
   * Undefined before the first answer, and while not connected.
   */
  override get roundTripMs(): number | undefined {
    return this.#link?.roundTripMs;
  }

  /**
   * The same text at both ends of the connection and at no other connection, for monitoring. Undefined while not connected.
   */
  override get linkKey(): string | undefined {
    return this.#link?.key;
  }

  /** For servers: whether the client has gone and left no message, before anybody received here. */
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

  /** Where this side found the fault, the peer learns the reason. */
  protected override onStateChanged(state: 'disconnected' | 'failed', error?: NetworkError): void {
    if (error?.code === 'InvalidMessage') this.#link?.fail(error);
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
