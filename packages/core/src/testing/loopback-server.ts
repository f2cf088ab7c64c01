import { resolveOwnConfig, type ResolvedConnectionConfig, type ServerConfig } from '../config/connection-config.js';
import type { NetworkConnection } from '../lifecycle/network-connection.js';
import { OWN_CAPABILITIES, type PeerLimits } from '../wire/peer-limits.js';
import { agreeOnSecret, WRONG_SECRET } from '../wire/shared-secret.js';
import { err, OK, ok, unwrap, type Result } from '../result/result.js';
import { AcceptQueue } from '../lifecycle/accept-queue.js';
import { Audience } from '../lifecycle/audience.js';
import type { BroadcastOptions, BroadcastOutcome } from '../api/broadcast.js';
import type { ConnectionServer } from '../api/connection-server.js';
import { LoopbackConnection } from './loopback-connection.js';
import {
  type LoopbackLink,
  type LoopbackListener,
  loopbackNameOf,
  registerLoopbackServer,
  unregisterLoopbackServer,
} from './loopback-registry.js';

/** How many connections may wait to be accepted. */
const BACKLOG = 1024;

/** Listens on a name inside this process. */
export class LoopbackServer implements ConnectionServer, LoopbackListener {
  readonly #config: ResolvedConnectionConfig;
  readonly #name: string;
  readonly #audience = new Audience<NetworkConnection>();
  readonly #accepted: AcceptQueue<NetworkConnection>;
  #isListening = false;

  constructor(config: ServerConfig) {
    this.#config = unwrap(resolveOwnConfig(config));
    this.#name = loopbackNameOf(this.#config.endpoint);
    this.#accepted = new AcceptQueue(BACKLOG, this.#config.admit, this.#audience.add);
  }

  listen(): Promise<Result> {
    if (this.#isListening) return Promise.resolve(OK);
    const registered = registerLoopbackServer(this.#config.endpoint, this);
    if (registered.ok) {
      this.#isListening = true;
      this.#accepted.open();
    }
    return Promise.resolve(registered);
  }

  offer(link: LoopbackLink, secret: string | undefined): Result<PeerLimits> {
    const agreed = agreeOnSecret(secret, this.#config.secret !== undefined);
    if (!agreed.ok) return agreed;
    // Within one process there is nobody to prove anything to.
    if (secret !== this.#config.secret) return err('HandshakeFailed', WRONG_SECRET);
    const place = this.#accepted.admit();
    if (!place.ok) return place;
    place.value.push(new LoopbackConnection(this.#config, link));
    return ok({ ...this.#config, capabilities: OWN_CAPABILITIES });
  }

  accept(options?: { signal?: AbortSignal }): Promise<Result<NetworkConnection>> {
    return this.#accepted.acceptWith(options);
  }

  broadcast(data: Uint8Array, options?: BroadcastOptions): Result<BroadcastOutcome<NetworkConnection>> {
    return this.#audience.broadcast(data, options);
  }

  async close(): Promise<Result> {
    this.#isListening = false;
    unregisterLoopbackServer(this.#name, this);
    await Promise.all(this.#accepted.close().map((connection) => connection.disconnect()));
    return OK;
  }

  isListening(): boolean {
    return this.#isListening;
  }

  ref(): void {
    // A name in a table keeps no process alive.
  }

  unref(): void {
    // See ref().
  }

  address(): string | undefined {
    return this.#isListening ? `loopback://${this.#name}` : undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<NetworkConnection> {
    return this.#accepted.iterate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
