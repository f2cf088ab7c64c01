import {
  AcceptQueue,
  type ConnectionServer,
  type NetworkConnection,
  ok,
  resolveConnectionConfig,
  type ResolvedConnectionConfig,
  type Result,
  type ServerConfig,
  unwrap,
} from '@entropynet/core';
import { discoveryDirectory, prepareDirectory } from './discovery/directory.js';
import { NameClaim } from './discovery/name-claim.js';
import { serverNameOf } from './discovery/names.js';
import { type CompletedHandshake, PendingHandshake } from './discovery/pending-handshake.js';
import { currentUserId, loadNativeBinding, type LocalSocket, type NativeBinding } from './native-binding.js';
import { type RegionAccess, regionAccess, SharedMemoryRegion } from './region/shared-memory-region.js';
import { SharedMemoryConnection } from './shared-memory-connection.js';

/** Clients that may be in the middle of a handshake at once; further ones wait in the kernel. */
const MAX_PENDING_HANDSHAKES = 64;

/** Listens under a name of this machine and user, and gives each client a region of its own. */
export class SharedMemoryServer implements ConnectionServer {
  readonly #config: ResolvedConnectionConfig;
  readonly #name: string;
  readonly #accepted: AcceptQueue<NetworkConnection>;
  readonly #pending = new Set<PendingHandshake>();
  readonly #connections = new Set<NetworkConnection>();
  #native: { readonly binding: NativeBinding; readonly access: RegionAccess } | undefined;
  #claim: NameClaim | undefined;
  #listening: Promise<Result> | undefined;
  #isReferenced = true;
  #isWatching = false;

  /** @param config checked here; throws a `NetworkError` (`InvalidParameter`) that names what is wrong */
  constructor(config: ServerConfig) {
    this.#config = unwrap(resolveConnectionConfig(config));
    this.#name = serverNameOf(this.#config.endpoint);
    this.#accepted = new AcceptQueue(this.#config.sharedMemory.maxConnections);
  }

  listen(): Promise<Result> {
    this.#listening ??= this.#startListening().then((result) => {
      if (!result.ok) this.#listening = undefined;
      return result;
    });
    return this.#listening;
  }

  accept(options?: { signal?: AbortSignal }): Promise<Result<NetworkConnection>> {
    return this.#accepted.accept(options?.signal);
  }

  async close(): Promise<Result> {
    await this.#listening;
    const claim = this.#claim;
    this.#claim = undefined;
    this.#listening = undefined;
    for (const handshake of [...this.#pending]) handshake.cancel();
    const unaccepted = this.#accepted.close();
    if (claim !== undefined) this.#unwatch(claim.socket);
    await Promise.all(unaccepted.map((connection) => connection.disconnect()));
    await claim?.release(this.#config.connectTimeoutMs);
    return ok();
  }

  isListening(): boolean {
    return this.#claim !== undefined;
  }

  /** Listening keeps the process alive (the default). */
  ref(): void {
    this.#isReferenced = true;
    this.#claim?.socket.ref();
  }

  /** Listening does not keep the process alive. */
  unref(): void {
    this.#isReferenced = false;
    this.#claim?.socket.unref();
  }

  address(): string | undefined {
    return this.#claim === undefined ? undefined : `shm://${this.#name}`;
  }

  /** Accepts until the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<NetworkConnection> {
    return this.#accepted.iterate();
  }

  /** As `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #startListening(): Promise<Result> {
    const binding = loadNativeBinding();
    if (!binding.ok) return binding;
    const access = regionAccess(binding.value, this.#config.sharedMemory);
    if (!access.ok) return access;
    // Before a name is taken: a server that can make no region would keep its clients from what else there is.
    const probed = SharedMemoryRegion.probe(binding.value, access.value);
    if (!probed.ok) return probed;
    const userId = currentUserId(binding.value);
    const directory = discoveryDirectory(this.#config.sharedMemory, userId);
    const prepared = prepareDirectory(directory, userId);
    if (!prepared.ok) return prepared;
    const claim = await NameClaim.take({
      binding: binding.value,
      directory,
      name: this.#name,
      maxConnections: this.#config.sharedMemory.maxConnections,
      timeoutMs: this.#config.connectTimeoutMs,
    });
    if (!claim.ok) return claim;
    this.#native = { binding: binding.value, access: access.value };
    this.#claim = claim.value;
    this.#accepted.open();
    this.#watch(claim.value.socket);
    if (!this.#isReferenced) claim.value.socket.unref();
    return ok();
  }

  #watch(socket: LocalSocket): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    socket.watch(() => {
      while (this.#claim !== undefined && this.#pending.size < MAX_PENDING_HANDSHAKES) {
        const client = this.#acceptClient(socket);
        if (client === null) return;
        this.#greet(client);
      }
      // As many as may be under way: the rest wait in the kernel until one ends.
      if (this.#claim !== undefined) this.#unwatch(socket);
    });
  }

  #unwatch(socket: LocalSocket): void {
    this.#isWatching = false;
    socket.unwatch();
  }

  #acceptClient(socket: LocalSocket): LocalSocket | null {
    try {
      return socket.accept();
    } catch (error) {
      // Out of descriptors, most likely: clients wait in the kernel until some come back.
      process.emitWarning(`EntropyNet server '${this.#name}' can't accept: ${String(error)}`);
      this.#unwatch(socket);
      setTimeout(() => {
        if (this.#claim !== undefined) this.#watch(socket);
      }, ACCEPT_PAUSE_MS).unref();
      return null;
    }
  }

  #greet(socket: LocalSocket): void {
    const native = this.#native;
    const nonce = this.#claim?.nonce;
    if (native === undefined || nonce === undefined) return;
    if (socket.peerCredentials().userId !== currentUserId(native.binding)) {
      socket.close();
      return;
    }
    const handshake = new PendingHandshake(
      {
        ...native,
        socket,
        config: this.#config,
        serverNonce: nonce,
        hasCapacity: () => this.#promisedCount() < this.#config.sharedMemory.maxConnections,
        onSettled: (settled, completed) => {
          this.#pending.delete(settled);
          if (completed !== undefined) this.#offer(completed);
          if (this.#claim !== undefined && this.#pending.size === MAX_PENDING_HANDSHAKES - 1)
            this.#watch(this.#claim.socket);
        },
      },
      process.pid,
    );
    this.#pending.add(handshake);
  }

  /** Connections, and clients that were told that they will be one. */
  #promisedCount(): number {
    let count = this.#connections.size;
    for (const handshake of this.#pending) if (handshake.isGranted) count += 1;
    return count;
  }

  #offer({ region, socket, peerLimits, clientProcessId }: CompletedHandshake): void {
    const connection = new SharedMemoryConnection({
      region,
      handle: socket,
      peerLimits,
      config: this.#config,
      peerInfo: `client process ${clientProcessId}`,
    });
    this.#connections.add(connection);
    connection.on('state', (state) => {
      if (state === 'disconnected' || state === 'failed') this.#connections.delete(connection);
    });
    if (!this.#accepted.push(connection)) void connection.disconnect();
  }
}

/** How long a server that ran out of descriptors waits before it accepts again. */
const ACCEPT_PAUSE_MS = 100;
