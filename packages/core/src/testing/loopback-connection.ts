import type { ConnectionConfig } from '../config/connection-config.js';
import { ConnectionType, type ConnectionBackend } from '../api/connection-types.js';
import type { FrameLink } from '../wire/frame-link.js';
import { NetworkConnection } from '../lifecycle/network-connection.js';
import { OWN_CAPABILITIES } from '../wire/peer-limits.js';
import { err, ok, type Result } from '../result/result.js';
import { LoopbackPipe } from './loopback-pipe.js';
import { findLoopbackServer, loopbackNameOf, type LoopbackLink, shownLoopbackNameOf } from './loopback-registry.js';

/** The backend name of the loopback transport. */
export const LOOPBACK_BACKEND = 'loopback';

const PIPE_BYTES = 1024 * 1024;

/** The reference implementation of a transport's connection: two queues inside one process. */
export class LoopbackConnection extends NetworkConnection {
  #link: LoopbackLink | undefined;

  constructor(config: ConnectionConfig, accepted?: LoopbackLink) {
    super(config, accepted && { writer: accepted.outgoing, peerLimits: accepted.peerLimits });
    if (accepted !== undefined) this.#use(accepted);
  }

  getType(): ConnectionType {
    return ConnectionType.Local;
  }

  getBackend(): ConnectionBackend {
    return LOOPBACK_BACKEND;
  }

  protected doConnect(): Promise<Result<FrameLink>> {
    const { endpoint } = this.config;
    const server = findLoopbackServer(loopbackNameOf(endpoint));
    if (server === undefined) {
      const shown = shownLoopbackNameOf(endpoint);
      return Promise.resolve(
        err('TransportUnavailable', `no loopback server named '${shown}' listens in this process`),
      );
    }
    const toServer = new LoopbackPipe(PIPE_BYTES);
    const toClient = new LoopbackPipe(PIPE_BYTES);
    const peerLimits = { ...this.config, capabilities: OWN_CAPABILITIES };
    const link = { incoming: toServer, outgoing: toClient, peerLimits };
    const accepted = server.offer(link, this.config.secret);
    if (!accepted.ok) return Promise.resolve(accepted);
    this.#use({ incoming: toClient, outgoing: toServer, peerLimits: accepted.value });
    return Promise.resolve(ok({ writer: toServer, peerLimits: accepted.value }));
  }

  protected doStartReceiving(): void {
    this.#link?.incoming.read({
      onFrame: (header, bytes) => {
        this.onFrameReceived(header, bytes, 0, bytes.length, true);
      },
      onEnd: () => {
        this.onStateChanged('disconnected');
      },
    });
  }

  protected doDisconnect(): Promise<void> {
    this.#link?.outgoing.end();
    return Promise.resolve();
  }

  protected doRelease(): void {
    // An end without a goodbye would mean that the peer's process died. Both sides share one process, so say goodbye always.
    this.#link?.outgoing.end();
    this.#link?.incoming.close();
    this.#link = undefined;
  }

  protected doSetReferenced(): void {
    // A delivery is pending work and not an idle handle, so an idle connection never keeps the process alive.
  }

  #use(link: LoopbackLink): void {
    this.#link = link;
    link.outgoing.report({
      onWritable: () => {
        this.onWritable();
      },
      onShortage: (error) => {
        this.onStateChanged('failed', error);
      },
    });
  }
}
