import {
  type ConnectionEvents,
  type Failure,
  type NetworkConnection,
  type NetworkError,
  redactEndpoint,
  type Result,
} from '@entropynet/core';
import type { GuardedEmitter, Lifecycle } from '@entropynet/core/handle';
import { dial, type Dialled, type DialPlan } from './dial.js';
import type { ConnectedListener, HandleEvents } from './handle-events.js';
import { describeSelection, reportFallback, type Selection } from './selection.js';

/** The events of a connection that its handle emits in turn. The lifecycle reports states, and the channels messages. */
type Forwarded = Exclude<keyof ConnectionEvents, 'state' | 'message'>;

/** What the connections of a session ask of it. */
export interface ConnectionsOwner {
  /** Whether the handle was closed. */
  readonly isOver: boolean;
  readonly events: GuardedEmitter<HandleEvents>;
  readonly lifecycle: Lifecycle<Dialled>;
  /** Why there is no connection. */
  absence(): Failure;
}

/**
 * The connections that a handle has one after the other: it makes each of them, follows it from its first moment on, and
 * tells the listeners of `onConnected`.
 */
export class SessionConnections {
  /** The connection that the handle has now, or had last. Undefined before the first one, and after `close()`. */
  connection: NetworkConnection | undefined;
  /** The transport of that connection, and why it was selected. */
  selection: Selection | undefined;

  readonly #owner: ConnectionsOwner;
  readonly #plan: DialPlan | undefined;
  readonly #log: (line: string) => void;
  readonly #listeners = new Set<ConnectedListener>();
  #generation = 0;
  #isReferenced = true;
  /** Whether the listeners of `onConnected` were told of the connection that stands. */
  #hasToldConnected = false;
  /** What the connection told between its first moment and the report that the handle is connected. */
  #early: (() => void)[] = [];

  /** @param plan how to make a connection; undefined for a handle that adopts one */
  constructor(owner: ConnectionsOwner, plan: DialPlan | undefined, log: (line: string) => void) {
    this.#owner = owner;
    this.#plan = plan;
    this.#log = log;
  }

  /** Follows a connection that is connected already. */
  adopt(connection: NetworkConnection, selection: Selection): void {
    this.#hasToldConnected = true;
    this.selection = selection;
    this.#follow(connection);
  }

  /** An attempt begins. */
  starting(): void {
    this.#hasToldConnected = false;
    this.#early = [];
  }

  /** Makes the next connection, or connects the adopted one again. */
  async establish(signal: AbortSignal): Promise<Result<Dialled>> {
    if (this.#plan !== undefined) return dial(this.#plan, signal, (connection) => this.#follow(connection));
    const { connection, selection } = this;
    if (connection === undefined || selection === undefined) return this.#owner.absence();
    const observed = this.#follow(connection);
    const connected = await connection.connect({ signal });
    return connected.ok ? { ok: true, value: { connection, selection, observed } } : connected;
  }

  /** The attempt succeeded. `use` follows. */
  established({ selection, observed }: Dialled): void {
    this.selection = selection;
    if (this.#plan !== undefined) this.#tellSelection(redactEndpoint(this.#plan.config.endpoint), selection);
    this.#early = observed.early;
  }

  /** The handle has this connection from here on. */
  use(connection: NetworkConnection): void {
    this.connection = connection;
    this.#generation += 1;
    if (!this.#isReferenced) connection.unref();
  }

  /** Discards a connection that was made after its attempt was aborted. */
  discard(connection: NetworkConnection): void {
    connection.observe(undefined);
    void connection.disconnect().then(() => {
      if (connection !== this.connection) connection.release();
    });
  }

  setReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    if (isReferenced) this.connection?.ref();
    else this.connection?.unref();
  }

  /** Runs the listener for the connection that stands, and for each later one; returns its remover. */
  onConnected(listener: ConnectedListener): () => void {
    if (this.#owner.isOver) return () => undefined;
    this.#listeners.add(listener);
    // Before the report is over, `tellConnected` tells it.
    if (this.#hasToldConnected && this.#owner.lifecycle.state === 'connected') this.#tell(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** `connected` was reported: runs the listeners of `onConnected`, and then emits what the connection told before. */
  tellConnected(): void {
    const listeners = [...this.#listeners];
    this.#hasToldConnected = true;
    for (const listener of listeners) if (this.#owner.lifecycle.state === 'connected') this.#tell(listener);
    for (const tell of this.#early.splice(0)) tell();
  }

  /** The handle was closed: no listener runs any more. */
  dropListeners(): void {
    this.#listeners.clear();
  }

  #tell(listener: ConnectedListener): void {
    const { connection } = this;
    const generation = this.#generation;
    if (connection !== undefined) this.#owner.events.guard.runBound(() => listener(connection, { generation }));
  }

  #tellSelection(endpoint: string, selection: Selection): void {
    const { passedOver } = selection;
    if (passedOver.length > 0) this.#log(describeSelection(endpoint, 'connected', selection));
    reportFallback({ endpoint, role: 'client', taken: [selection], passedOver });
  }

  /** Follows a connection from its first moment on. What it tells before the handle has it waits in `early`. */
  #follow(connection: NetworkConnection): Dialled['observed'] {
    const early: (() => void)[] = [];
    let hasBeenConnected = connection.isConnected();
    connection.observe((event, values) => {
      if (event === 'state') {
        const [state, error] = values as Parameters<ConnectionEvents['state']>;
        if (state === 'connected') hasBeenConnected = true;
        else if ((state === 'disconnected' || state === 'failed') && hasBeenConnected) {
          hasBeenConnected = false;
          if (!this.#owner.isOver) this.#owner.lifecycle.endedByItself(state, error);
        }
      } else if (event !== 'message') {
        const tell = (): void => {
          this.#forward(event, values);
        };
        if (this.connection === connection && this.#owner.lifecycle.state !== 'connecting') tell();
        else early.push(tell);
      }
    });
    return { early };
  }

  #forward(event: Forwarded, values: unknown): void {
    if (event === 'error') this.#owner.events.emitError((values as [NetworkError])[0]);
    else this.#owner.events.emit(event, ...(values as never));
  }
}
