import {
  type ConnectionBackend,
  type ConnectionConfig,
  type ConnectionPeer,
  ConnectionType,
  type FrameLink,
  NetworkConnection,
  numberOrKind,
  ok,
  type PeerLimits,
  type ResolvedConnectionConfig,
  resolveOwnConfig,
  type Result,
  unwrap,
} from '@entropynet/core';
import { requestRegion } from './discovery/handshake-client.js';
import { serverNameOf } from './discovery/names.js';
import type { LocalSocket } from './native-binding.js';
import { identityIn, linkKeyOf } from './region/link-key.js';
import type { SharedMemoryRegion } from './region/shared-memory-region.js';
import { sharedMemorySection } from './shared-memory-options.js';
import { SharedMemoryLink } from './shared-memory-link.js';

/** The backend name of this transport. */
export const SHARED_MEMORY_BACKEND: ConnectionBackend = 'shared-memory';

/** A region that a server has mapped for a client, with all that belongs to it. The connection takes it over. */
export interface MappedRegion {
  /** The memory; unmapped when the connection ends. */
  readonly region: SharedMemoryRegion;
  /** The socket of the handshake: doorbell and proof of life from here on. */
  readonly handle: LocalSocket;
  /** What the client said that it is prepared to receive. */
  readonly peerLimits: PeerLimits;
  /** The server's configuration; its endpoint names the region. */
  readonly config: ResolvedConnectionConfig;
  /** Who the client is, as the kernel says. */
  readonly peer: ConnectionPeer;
}

/** A connection through a region of memory that two processes share. An adapter: semantics are the base's. */
export class SharedMemoryConnection extends NetworkConnection {
  readonly #regionName: string;
  #link: SharedMemoryLink | undefined;
  #regionBytes: number;
  #identity: Uint8Array | undefined;
  #peer: ConnectionPeer | undefined;
  #isReferenced = true;

  /**
   * A client of the server of that name; with a configuration, the region has at most its `sharedMemory.regionSize`.
   */
  constructor(regionName: string, config?: Omit<ConnectionConfig, 'endpoint'>);
  /**
   * The same with the name in the configuration, which throws a `NetworkError` (`InvalidParameter`) where it is wrong. For
   * servers: their end of a region that they have mapped already.
   */
  constructor(from: ConnectionConfig | MappedRegion);
  constructor(from: string | ConnectionConfig | MappedRegion, config?: Omit<ConnectionConfig, 'endpoint'>) {
    if (!isMapped(from)) {
      const given = typeof from === 'string' ? { ...config, endpoint: from } : from;
      super(unwrap(resolveOwnConfig(given, sharedMemorySection)));
      this.#regionBytes = this.config.sharedMemory.regionSize;
    } else {
      const link = new SharedMemoryLink(from.region, from.handle, 'server', from.config.sharedMemory);
      super(from.config, { writer: link.writer, peerLimits: from.peerLimits });
      this.#regionBytes = from.region.byteLength;
      this.#peer = from.peer;
      this.#identity = identityIn(from.region.bytes);
      this.#use(link);
    }
    this.#regionName = serverNameOf(this.config.endpoint);
  }

  getType(): ConnectionType {
    return ConnectionType.Local;
  }

  getBackend(): ConnectionBackend {
    return SHARED_MEMORY_BACKEND;
  }

  /** The size of the region in bytes: the one in use, before connecting the one that will be asked for. */
  getRegionSize(): number {
    return this.#regionBytes;
  }

  /** The name under which the server is found. */
  getRegionName(): string {
    return this.#regionName;
  }

  /**
   * The same text at both ends of the connection and at no other connection, for monitoring; `inspectSharedMemory` shows
   * it too. Undefined before the first link; after the end that of the last one.
   */
  override get linkKey(): string | undefined {
    return this.#identity === undefined ? undefined : linkKeyOf(this.#identity);
  }

  /**
   * The process at the other end, its user and its group, as the kernel says of the end of the socket that it made; the same
   * at both ends. A process of another namespace of processes has no number here, and a user of Windows none anywhere.
   */
  override get peer(): ConnectionPeer {
    return this.#peer ?? super.peer;
  }

  /** As that of every connection, and which process is at the other end. */
  override description(): string {
    const { process } = this.peer;
    return `${super.description()}${process === undefined ? '' : ` peer process ${process}`}`;
  }

  /** For servers: whether the client has gone and left nothing to read, before anybody received here. */
  get isAbandoned(): boolean {
    return this.#link?.isAbandoned ?? false;
  }

  /**
   * Blocks this thread until there is something to receive, room for what was refused, or the peer has ended, or until
   * `timeoutMs` is over; then callbacks run as the event loop turns. For worker threads that have nothing else to do: their sleep costs no event loop at all.
   * @returns whether there is something to do
   * @throws TypeError for what is no number, RangeError for NaN or less than 0
   */
  waitForWork(timeoutMs: number): boolean {
    if (!(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
      const sentence = `waitForWork() takes a number of milliseconds, 0 or more; ${numberOrKind(timeoutMs)} was given`;
      throw typeof timeoutMs === 'number' ? new RangeError(sentence) : new TypeError(sentence);
    }
    return this.#link?.waitForWork(timeoutMs) ?? false;
  }

  protected async doConnect(signal: AbortSignal): Promise<Result<FrameLink>> {
    const assigned = await requestRegion(this.config, signal);
    if (!assigned.ok) return assigned;
    const { region, socket, peerLimits, peer } = assigned.value;
    const link = new SharedMemoryLink(region, socket, 'client', this.config.sharedMemory);
    this.#regionBytes = region.byteLength;
    this.#identity = identityIn(region.bytes);
    this.#peer = peer;
    this.#use(link);
    return ok({ writer: link.writer, peerLimits });
  }

  protected doStartReceiving(): void {
    this.#link?.startReceiving();
  }

  protected doDisconnect(): Promise<void> {
    this.#link?.sayGoodbye();
    return Promise.resolve();
  }

  protected doRelease(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  protected doSetReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    this.#link?.setReferenced(isReferenced);
  }

  #use(link: SharedMemoryLink): void {
    this.#link = link;
    link.attach({
      sink: this.frameSink,
      onWritable: () => {
        this.onWritable();
      },
      onResponsivenessChanged: (isResponsive) => {
        this.onResponsivenessChanged(isResponsive);
      },
      onEnded: (error) => {
        this.onStateChanged(error === undefined ? 'disconnected' : 'failed', error);
      },
    });
    if (!this.#isReferenced) link.setReferenced(false);
  }
}

function isMapped(from: string | ConnectionConfig | MappedRegion): from is MappedRegion {
  return typeof from === 'object' && (from as object | null) !== null && 'region' in from && 'handle' in from;
}
