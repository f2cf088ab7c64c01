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
import { linkError } from './link-error.js';
import type { LocalSocket } from './native-binding.js';
import { linkKeyOf } from './region/link-key.js';
import type { SharedMemoryRegion } from './region/shared-memory-region.js';
import { sharedMemorySection } from './shared-memory-options.js';
import { SharedMemoryLink } from './shared-memory-link.js';

/** The name of this transport in configurations and logs. */
export const SHARED_MEMORY_BACKEND: ConnectionBackend = 'shared-memory';

/**
 * A region that a server has mapped for a client, with its socket and the client's data. The connection owns it from
 * then on.
 */
export interface MappedRegion {
  /** The memory. The connection unmaps it at its end. */
  readonly region: SharedMemoryRegion;
  /** The socket of the handshake. It later wakes the peer and shows its death. */
  readonly handle: LocalSocket;
  /** The client's limits from the handshake. */
  readonly peerLimits: PeerLimits;
  /** The server's configuration; its endpoint names the region. */
  readonly config: ResolvedConnectionConfig;
  /** The identity of the client, from the kernel. */
  readonly peer: ConnectionPeer;
}

/** A connection through a region of memory that two processes share. `NetworkConnection` implements its behaviour. */
export class SharedMemoryConnection extends NetworkConnection {
  readonly #regionName: string;
  #link: SharedMemoryLink | undefined;
  #regionBytes: number;
  #identity: Uint8Array | undefined;
  #peer: ConnectionPeer | undefined;
  #isReferenced = true;

  /**
   * Makes a client for the server of that name. With a configuration, the region has at most its
   * `sharedMemory.regionSize`.
   */
  constructor(regionName: string, config?: Omit<ConnectionConfig, 'endpoint'>);
  /**
   * Makes a client from a configuration whose endpoint names the server; throws a `NetworkError` (`InvalidParameter`)
   * if it is wrong. A server passes its end of a mapped region instead.
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
      this.#identity = from.region.identity;
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

  /** Returns the size of the region in bytes; before the first connection, the size in the configuration. */
  getRegionSize(): number {
    return this.#regionBytes;
  }

  /** Returns the name of the server. */
  getRegionName(): string {
    return this.#regionName;
  }

  /**
   * A text that identifies the connection at both ends, for monitoring; `inspectSharedMemory` returns it, too.
   * Undefined before the first connection. It stays after the end.
   */
  override get linkKey(): string | undefined {
    return this.#identity === undefined ? undefined : linkKeyOf(this.#identity);
  }

  /**
   * The process, user and group at the other end, from the kernel. `process` is absent if that process is in another
   * PID namespace. `user` and `group` are absent on Windows.
   */
  override get peer(): ConnectionPeer {
    return this.#peer ?? super.peer;
  }

  /** Returns the description of a connection, with the process at the other end. */
  override description(): string {
    const { process } = this.peer;
    return `${super.description()}${process === undefined ? '' : ` peer process ${process}`}`;
  }

  /** For servers: whether the client left before the program received from it, and left no message. */
  get isAbandoned(): boolean {
    return this.#link?.isAbandoned ?? false;
  }

  /**
   * Blocks this thread until a message has arrived, there is room after a refused send, the peer has ended, or
   * `timeoutMs` is over. Callbacks then run in the event loop. Use it in a worker thread that does nothing else: while
   * it sleeps, it uses no event loop.
   * @returns whether one of these happened before the timeout
   * @throws TypeError for a value that is not a number, RangeError for NaN or less than 0
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
    let link: SharedMemoryLink;
    try {
      link = new SharedMemoryLink(region, socket, 'client', this.config.sharedMemory);
    } catch (error) {
      // Nobody else has them yet.
      socket.close();
      region.unmap();
      return { ok: false, error: linkError(error, false) };
    }
    this.#regionBytes = region.byteLength;
    this.#identity = region.identity;
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
