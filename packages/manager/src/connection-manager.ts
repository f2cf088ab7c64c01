import {
  type ConnectionConfig,
  type ConnectionType,
  EntropyObject,
  err,
  type NetworkConnection,
  NetworkError,
  ok,
  parseEndpoint,
  redactEndpoint,
  resolveConnectionConfig,
  type ResolvedConnectionConfig,
  type Result,
  type ServerConfig,
  type Transport,
} from '@entropynet/core';
import { ConnectionHandle } from './connection-handle.js';
import { checkAdopted, checkManagerArguments, type ConnectionManagerOptions } from './connection-manager-options.js';
import { checkCopy, type DialPlan } from './dial.js';
import { HandleSession, type SessionOwner, type SessionSource } from './handle-session.js';
import { ManagedServer } from './managed-server.js';
import type { Reservation } from './reservation.js';
import { type BackendMetrics, type ManagerMetrics, MetricsTally } from './metrics-tally.js';
import { candidatesOf } from './selection.js';
import { type Seat, SlotTable } from './slot-table.js';
import { thrownBy } from './thrown-by-transports.js';
import { faultOfTransportOptions, logUnusedSections } from './unused-options.js';

/**
 * The connection manager: it keeps connections in slots and returns handles to them. It uses transports only by their
 * interface.
 */
export class ConnectionManager extends EntropyObject {
  readonly #transports: readonly Transport[];
  readonly #log: (line: string) => void;
  readonly #tally: MetricsTally;
  readonly #slots: SlotTable;
  readonly #owner: SessionOwner;
  readonly #adopted = new WeakSet<NetworkConnection>();
  readonly #servers = new Set<ManagedServer>();
  #config: ResolvedConnectionConfig | undefined;

  /**
   * @param transports the transports from which `auto` selects; the manager sorts them by preference
   * @throws NetworkError `InvalidParameter`: a wrong capacity, or two transports with the same backend name
   */
  constructor(transports: readonly Transport[], options?: ConnectionManagerOptions) {
    super();
    const { capacity, log } = checkManagerArguments(transports, options);
    this.#transports = [...transports];
    this.#log = log;
    this.#tally = new MetricsTally(transports.map(({ backend }) => backend));
    this.#slots = new SlotTable(capacity);
    this.#owner = { manager: this, tally: this.#tally, log: this.#log, slots: this.#slots };
  }

  /**
   * Returns a handle for a new connection, without connecting. Without a configuration it uses that of
   * `createNetworking`. `InvalidParameter`: the configuration is wrong. `ResourceLimitExceeded`: the manager is full.
   * `TransportUnavailable`: a transport threw.
   */
  openConnection(config: ConnectionConfig | undefined = this.#config): Result<ConnectionHandle> {
    const plan = this.#planOf(config);
    if (!plan.ok) return plan;
    const seat = this.#slots.take();
    return seat === undefined ? this.#full() : ok(new ConnectionHandle(this.#begin(seat, plan.value)));
  }

  /** `openConnection` for a name on this machine. `InvalidParameter`: the endpoint is not local. */
  openLocalConnection(endpoint: string): Result<ConnectionHandle> {
    return this.#openOfType(endpoint, 'local');
  }

  /** `openConnection` for an address. `InvalidParameter`: no remote transport serves the endpoint. */
  openRemoteConnection(url: string): Result<ConnectionHandle> {
    return this.#openOfType(url, 'remote');
  }

  /**
   * Adopts a connection from elsewhere and returns a handle for it. The manager sets its callbacks and then starts
   * receiving. The connection keeps earlier messages until the program sets a message callback. From then on the
   * manager owns the connection. An accepted connection frees its slot when it has ended; its handle stays valid until
   * `close()`.
   *
   * Throws a `TypeError` for a value that is not a connection. `AlreadyExists`: it was adopted before.
   * `ConnectionClosed`: it is not connected. `InvalidParameter`: it has another type than `type`. `NotSupported`: it
   * comes from another installed copy of `@entropynet/core`. `ResourceLimitExceeded`: the manager is full; the caller
   * keeps the connection. `TransportUnavailable`: the connection's transport threw.
   */
  adoptConnection(connection: NetworkConnection, type?: ConnectionType): Result<ConnectionHandle> {
    checkAdopted(connection);
    const adoptable = this.#mayAdopt(connection);
    if (!adoptable.ok) return adoptable;
    if (type !== undefined && type !== connection.getType()) {
      return err('InvalidParameter', `the connection is ${connection.getType()}, not ${type}`);
    }
    const reserved = this.#reserve();
    return reserved.ok ? reserved.value.adopt(connection) : reserved;
  }

  /**
   * Creates a server for the endpoint and every fallback. It does not listen yet. Without a configuration it uses that
   * of `createNetworking`. `InvalidParameter`: the configuration is wrong. `NotSupported`: a transport can't listen, as in
   * a page. `TransportUnavailable`: a transport threw.
   */
  createServer(config: ServerConfig | undefined = this.#config): Result<ManagedServer> {
    const plan = this.#planOf(config);
    if (!plan.ok) return plan;
    try {
      const server = new ManagedServer(
        () => this.#reserve(),
        plan.value.config,
        plan.value.candidates,
        this.#log,
        this.#servers,
      );
      return ok(server);
    } catch (error) {
      if (error instanceof NetworkError) return { ok: false, error };
      throw error;
    }
  }

  /** Whether it is a valid handle of this manager. */
  isValidHandle(handle: ConnectionHandle): boolean {
    return handle instanceof ConnectionHandle && handle.handleOwner() === this && handle.valid();
  }

  /** Returns the number of slots in use. An accepted connection that has ended uses none. */
  activeCount(): number {
    return this.#slots.inUse;
  }

  /** Returns the number of slots. */
  capacity(): number {
    return this.#slots.capacity;
  }

  /** Returns a frozen snapshot of the counters over all transports. */
  getManagerMetrics(): ManagerMetrics {
    return this.#tally.snapshot();
  }

  /**
   * Returns a frozen snapshot of the counters of each transport by its name, with unconfirmed bytes and round trips.
   */
  getBackendMetrics(): Readonly<Record<string, BackendMetrics>> {
    return this.#tally.byBackend();
  }

  /** Closes every server and every connection. All handles are invalid at once. */
  async closeAll(): Promise<void> {
    // Each server removes itself. The code of the program that a close runs may start another one.
    const servers = [...this.#servers].map((server) => server.close());
    await Promise.all([...servers, this.#slots.closeAll()]);
  }

  protected override onDispose(): void {
    void this.closeAll();
  }

  /**
   * Checks a configuration and makes it the default of this manager. `InvalidParameter`: it is wrong.
   * `TransportUnavailable`: a transport threw.
   */
  useConfig(config: ConnectionConfig): Result<ResolvedConnectionConfig> {
    const plan = this.#planOf(config);
    if (!plan.ok) return plan;
    this.#config = plan.value.config;
    return ok(plan.value.config);
  }

  #planOf(config: ConnectionConfig | undefined): Result<DialPlan> {
    const resolved = resolveConnectionConfig(config, this.#transports);
    if (!resolved.ok) return resolved;
    const fault = faultOfTransportOptions(resolved.value, this.#transports);
    if (fault !== undefined) return err('InvalidParameter', `invalid configuration: ${fault}`);
    const candidates = candidatesOf(resolved.value, this.#transports);
    if (!candidates.ok) return candidates;
    logUnusedSections(config, resolved.value, candidates.value, this.#transports);
    return ok({ config: resolved.value, candidates: candidates.value });
  }

  #openOfType(text: string, type: ConnectionType): Result<ConnectionHandle> {
    const endpoint = parseEndpoint(text);
    if (!endpoint.ok) return endpoint;
    const { scheme } = endpoint.value;
    const ofType = this.#transports.filter((transport) => transport.connectionType === type);
    const schemes = ofType.flatMap((transport) => transport.schemes);
    const isServed = scheme === undefined ? type === 'local' : schemes.includes(scheme);
    if (isServed) return this.openConnection({ endpoint: text });
    const allowed = schemes.map((each) => `${each}://`).join(', ') || 'none';
    return err(
      'InvalidParameter',
      `endpoint '${redactEndpoint(text)}' is not ${type}; ${type} schemes that are registered: ${allowed}`,
    );
  }

  #mayAdopt(connection: NetworkConnection): Result {
    if (this.#adopted.has(connection)) return err('AlreadyExists', 'this connection was adopted already');
    if (!connection.isConnected()) {
      return err(
        'ConnectionClosed',
        `only a connected connection can be adopted; this one is ${connection.getState()}`,
      );
    }
    return checkCopy(connection);
  }

  /** Reserves a slot for a later connection. */
  #reserve(): Result<Reservation> {
    const seat = this.#slots.take();
    if (seat === undefined) return this.#full();
    return ok({
      adopt: (connection) => this.#adopt(seat, connection),
      release: () => {
        this.#slots.giveBack(seat);
      },
    });
  }

  /** Adopts the connection into a reserved slot. After a failure the slot is free again. */
  #adopt(seat: Seat, connection: NetworkConnection): Result<ConnectionHandle> {
    let handle: ConnectionHandle | undefined;
    try {
      const adoptable = this.#mayAdopt(connection);
      if (!adoptable.ok) {
        this.#slots.giveBack(seat);
        return adoptable;
      }
      const selection = { backend: connection.getBackend(), endpoint: connection.endpoint, passedOver: [] };
      handle = new ConnectionHandle(this.#begin(seat, { adopted: connection, selection }));
      this.#adopted.add(connection);
      connection.startReceiving();
      return ok(handle);
    } catch (error) {
      // If a third-party transport throws, only its connection fails.
      if (handle === undefined) this.#slots.giveBack(seat);
      else void handle.close();
      return thrownBy('the transport of this connection', error);
    }
  }

  #begin(seat: Seat, source: SessionSource): HandleSession {
    const session = new HandleSession(source, seat, this.#owner);
    this.#slots.occupy(session);
    return session;
  }

  #full(): Result<never> {
    return err('ResourceLimitExceeded', `all ${this.#slots.capacity} connections of the manager are in use (capacity)`);
  }
}
