import {
  type AcceptPlace,
  err,
  type NetworkConnection,
  NetworkServer,
  ok,
  redactEndpoint,
  resolveOwnConfig,
  type Result,
  Roster,
  type ServerConfig,
  unwrap,
  WarningLimiter,
} from '@entropynet/core';
import { sharedMemorySection } from './shared-memory-options.js';
import { ClientAcceptor } from './discovery/client-acceptor.js';
import { discoveryDirectory, prepareDirectory } from './discovery/directory.js';
import { type Guests, guestsOf, mayConnect, serverUserOf } from './discovery/guests.js';
import { NameClaim } from './discovery/name-claim.js';
import { NameKeeper } from './discovery/name-keeper.js';
import { hintAboutPort, serverNameOf, shownNameOf } from './discovery/names.js';
import { type CompletedHandshake, PendingHandshake } from './discovery/pending-handshake.js';
import {
  currentUserId,
  loadNativeBinding,
  type LocalSocket,
  type NativeBinding,
  type PeerCredentials,
} from './native-binding.js';
import { type RegionAccess, regionAccess, SharedMemoryRegion } from './region/shared-memory-region.js';
import { SharedMemoryConnection } from './shared-memory-connection.js';
import { describeSystemError } from './system-failures.js';

/** The largest number of handshakes at once. Further clients wait in the kernel. */
const MAX_PENDING_HANDSHAKES = 64;

/** A server that listens under a name on this machine. Each client gets a region of its own. */
export class SharedMemoryServer extends NetworkServer {
  readonly #name: string;
  readonly #pending = new Roster<PendingHandshake>();
  readonly #connections = new Roster<SharedMemoryConnection>();
  #native: { readonly binding: NativeBinding; readonly access: RegionAccess } | undefined;
  #guests: Guests | undefined;
  #claim: NameClaim | undefined;
  #keeper: NameKeeper | undefined;
  /** The name, from the end of accepting until the server has released it. */
  #leaving: { readonly claim: NameClaim | undefined; readonly keeperStopped: Promise<void> | undefined } | undefined;
  readonly #acceptor: ClientAcceptor;
  readonly #warnings = new WarningLimiter();

  /** @param config the configuration; for a wrong one, the constructor throws a `NetworkError` (`InvalidParameter`) */
  constructor(config: ServerConfig) {
    const resolved = unwrap(resolveOwnConfig(config, sharedMemorySection));
    super(resolved, resolved.sharedMemory.maxConnections);
    this.#name = serverNameOf(this.config.endpoint);
    this.#acceptor = new ClientAcceptor(redactEndpoint(this.config.endpoint), {
      socket: () => this.#claim?.socket,
      hasRoom: () => this.#pending.size < MAX_PENDING_HANDSHAKES,
      greet: (client) => {
        this.#greet(client);
      },
    });
  }

  /** Makes the listening server keep the process alive (the default). */
  ref(): void {
    this.#acceptor.ref();
  }

  /** Lets the process end although the server listens. */
  unref(): void {
    this.#acceptor.unref();
  }

  /** Returns the address for clients; undefined while the server does not listen. */
  address(): string | undefined {
    return this.#claim === undefined ? undefined : `shm://${this.#name}`;
  }

  protected doStopAccepting(): void {
    // A renewal under way would greet clients for which there is no name any more.
    this.#leaving = { claim: this.#claim, keeperStopped: this.#keeper?.stop() };
    this.#claim = undefined;
    this.#keeper = undefined;
    this.#acceptor.stop();
    for (const handshake of [...this.#pending]) handshake.cancel();
  }

  protected override async doClose(): Promise<void> {
    const leaving = this.#leaving;
    this.#leaving = undefined;
    await leaving?.keeperStopped;
    await leaving?.claim?.release(this.config.connectTimeoutMs);
  }

  protected async doListen(): Promise<Result> {
    const binding = loadNativeBinding();
    if (!binding.ok) return binding;
    const access = regionAccess(binding.value, this.config.sharedMemory);
    if (!access.ok) return access;
    // The check comes before the name is taken: a server that can't make regions would keep clients from other servers.
    const probed = SharedMemoryRegion.probe(binding.value, access.value);
    if (!probed.ok) return probed;
    const userId = currentUserId(binding.value);
    const directory = discoveryDirectory(this.config.sharedMemory, userId);
    const admission = this.#readAdmission(binding.value, userId);
    if (!admission.ok) return admission;
    const guests = admission.value;
    const prepared = prepareDirectory(directory, userId, guests);
    if (!prepared.ok) return prepared;
    const claim = await NameClaim.take({
      binding: binding.value,
      directory,
      name: this.#name,
      shown: shownNameOf(this.config.endpoint),
      maxConnections: this.config.sharedMemory.maxConnections,
      share: this.config.sharedMemory.share,
      guests,
      timeoutMs: this.config.connectTimeoutMs,
    });
    if (!claim.ok) return claim;
    this.#native = { binding: binding.value, access: access.value };
    this.#guests = guests;
    this.#claim = claim.value;
    const hint = hintAboutPort(this.config.endpoint);
    if (hint !== undefined) {
      const name = redactEndpoint(this.config.endpoint);
      process.emitWarning(
        `EntropyNet server '${name}' listens under that name on this machine, and on no port: ${hint}`,
      );
    }
    this.#keeper = new NameKeeper(claim.value, redactEndpoint(this.config.endpoint), (replaced) => {
      this.#acceptor.moveFrom(replaced);
    });
    this.#acceptor.watch();
    return ok();
  }

  /**
   * Returns the other accounts that may connect. `SharedMemoryPermission`: no client would accept a server of this
   * user.
   */
  #readAdmission(binding: NativeBinding, userId: number): Result<Guests | undefined> {
    const { sharedMemory } = this.config;
    const serverUser = serverUserOf(binding, sharedMemory, userId);
    if (!serverUser.ok) return serverUser;
    if (serverUser.value === userId) return guestsOf(binding, sharedMemory);
    return err(
      'SharedMemoryPermission',
      `this process runs as user ${userId}, and sharedMemory.serverUser demands user ${serverUser.value} of the server`,
    );
  }

  #greet(socket: LocalSocket): void {
    const native = this.#native;
    const nonce = this.#claim?.nonce;
    if (native === undefined || nonce === undefined) return;
    const client = admittedClient(socket, native.binding, this.#guests);
    if (client === undefined) {
      socket.close();
      return;
    }
    const handshake = this.#begin(native, socket, client, nonce);
    if (handshake !== undefined) this.#pending.add(handshake);
  }

  /**
   * Starts a handshake. Undefined if the system can't watch another socket; then the client sees the end of its socket.
   */
  #begin(
    native: { readonly binding: NativeBinding; readonly access: RegionAccess },
    socket: LocalSocket,
    client: PeerCredentials,
    serverNonce: Uint8Array,
  ): PendingHandshake | undefined {
    try {
      return new PendingHandshake(
        {
          binding: native.binding,
          access: native.access,
          socket,
          client,
          config: this.config,
          serverNonce,
          admit: () => this.#admit(),
          onSettled: (settled, completed) => {
            this.#pending.delete(settled);
            if (completed !== undefined) this.#offer(completed);
            this.#acceptor.watch();
          },
        },
        process.pid,
      );
    } catch (error) {
      socket.close();
      this.#acceptor.pause(error);
      return undefined;
    }
  }

  #admit(): Result<AcceptPlace<NetworkConnection>> {
    if (this.#hasCapacity()) return this.accepted.admitInsteadOf(isAbandoned, this.#end);
    const { maxConnections } = this.config.sharedMemory;
    return err('ResourceLimitExceeded', `all ${maxConnections} connections are in use (sharedMemory.maxConnections)`);
  }

  /**
   * Whether there is a place for one more connection. If not, it closes clients that left before the program received
   * from them, and that left no message.
   */
  #hasCapacity(): boolean {
    const { maxConnections } = this.config.sharedMemory;
    // Most of the time the upper bound answers, and nobody counts the granted handshakes among the pending ones.
    if (this.#connections.size + this.#pending.size < maxConnections) return true;
    if (this.#promisedCount() < maxConnections) return true;
    for (const connection of [...this.#connections]) {
      if (!isAbandoned(connection)) continue;
      this.accepted.remove(connection);
      this.#end(connection);
    }
    return this.#promisedCount() < maxConnections;
  }

  /** Ends the connection of a client that left. */
  readonly #end = (connection: NetworkConnection): void => {
    if (connection instanceof SharedMemoryConnection) this.#connections.delete(connection);
    void connection.disconnect();
  };

  /** The number of connections and of granted handshakes. */
  #promisedCount(): number {
    let count = this.#connections.size;
    for (const handshake of this.#pending) if (handshake.isGranted) count += 1;
    return count;
  }

  #offer(completed: CompletedHandshake): void {
    const { place } = completed;
    const connection = this.#connectionOf(completed);
    if (connection === undefined) return;
    this.#connections.add(connection);
    // A promise, not a listener, because the program may remove all listeners of an event.
    void connection.closed.then(() => this.#connections.delete(connection));
    if (!place.push(connection)) void connection.disconnect();
  }

  /** Makes the server's end of a connection. Undefined, with everything released, if there is no memory for it. */
  #connectionOf({ region, socket, peerLimits, peer, place }: CompletedHandshake): SharedMemoryConnection | undefined {
    try {
      return new SharedMemoryConnection({ region, handle: socket, peerLimits, config: this.config, peer });
    } catch (error) {
      const endpoint = redactEndpoint(this.config.endpoint);
      const reason = describeSystemError(error);
      this.#warnings.warn(`EntropyNet server '${endpoint}' can't take a client: ${reason}; its connection ends`);
      socket.close();
      region.unmap();
      place.release();
      return undefined;
    }
  }
}

/** Whether a client left before the program received from it, and left no message. */
function isAbandoned(connection: NetworkConnection): boolean {
  return connection instanceof SharedMemoryConnection && connection.isAbandoned;
}

/** Returns the process at the other end; undefined if it may not connect, or if the system no longer knows it. */
function admittedClient(
  socket: LocalSocket,
  binding: NativeBinding,
  guests: Guests | undefined,
): PeerCredentials | undefined {
  try {
    const client = socket.peerCredentials();
    return mayConnect(socket, client, currentUserId(binding), guests) ? client : undefined;
  } catch {
    // Some systems forget a peer that has gone.
    return undefined;
  }
}
