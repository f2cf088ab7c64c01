import { resolveOwnConfig, type ServerConfig } from '../config/connection-config.js';
import { NetworkServer } from '../lifecycle/network-server.js';
import { OWN_CAPABILITIES, type PeerLimits } from '../wire/peer-limits.js';
import { agreeOnSecret, WRONG_SECRET } from '../wire/shared-secret.js';
import { err, ok, unwrap, type Result } from '../result/result.js';
import { LoopbackConnection } from './loopback-connection.js';
import {
  type LoopbackLink,
  type LoopbackListener,
  loopbackNameOf,
  registerLoopbackServer,
  unregisterLoopbackServer,
} from './loopback-registry.js';

/** The largest number of connections that wait for `accept()`. */
const BACKLOG = 1024;

/** A server that listens on a name inside this process. */
export class LoopbackServer extends NetworkServer implements LoopbackListener {
  readonly #name: string;

  constructor(config: ServerConfig) {
    super(unwrap(resolveOwnConfig(config)), BACKLOG);
    this.#name = loopbackNameOf(this.config.endpoint);
  }

  protected doListen(): Promise<Result> {
    return Promise.resolve(registerLoopbackServer(this.config.endpoint, this));
  }

  protected doStopAccepting(): void {
    unregisterLoopbackServer(this.#name, this);
  }

  offer(link: LoopbackLink, secret: string | undefined): Result<PeerLimits> {
    const agreed = agreeOnSecret(secret, this.config.secret !== undefined);
    if (!agreed.ok) return agreed;
    // Within one process a comparison is enough: a proof would add nothing.
    if (secret !== this.config.secret) return err('HandshakeFailed', WRONG_SECRET);
    const place = this.accepted.admit();
    if (!place.ok) return place;
    place.value.push(new LoopbackConnection(this.config, link));
    return ok({ ...this.config, capabilities: OWN_CAPABILITIES });
  }

  ref(): void {
    // A name in a table does not keep the process alive.
  }

  unref(): void {
    // See ref().
  }

  address(): string | undefined {
    return this.isListening() ? `loopback://${this.#name}` : undefined;
  }
}
