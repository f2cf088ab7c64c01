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

/** The parts of a session that its connections use. */
export interface ConnectionsOwner {
  /** Whether the handle was closed. */
  readonly isOver: boolean;
  readonly events: GuardedEmitter<HandleEvents>;
  readonly lifecycle: Lifecycle<Dialled>;
  /** Returns the error for a missing connection. */
  absence(): Failure;
}

/**
 * The connections of a handle, one after the other. It makes each of them, observes it from the start, and runs the
 * listeners of `onConnected`.
 */
export class SessionConnections {
  /** The current connection of the handle, or the last one. Undefined before the first one, and after `close()`. */
  connection: NetworkConnection | undefined;
  /** The transport of that connection, and the reason against each candidate before it. */
  selection: Selection | undefined;

  readonly #owner: ConnectionsOwner;
  readonly #plan: DialPlan | undefined;
  readonly #log: (line: string) => void;
  readonly #listeners = new Set<ConnectedListener>();
  #generation = 0;
  #isReferenced = true;
  /** Whether the listeners of `onConnected` have run for the current connection. */
  #hasToldConnected = false;
  /** The events of the connection before the handle has reported `connected`. */
  #early: (() => void)[] = [];

  /** @param plan the plan for making connections; undefined for a handle that adopts one */
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
    this.#early = observed.early;
  }

  /** From now on the handle uses this connection. */
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

  /** Runs the listener for the current connection and for each later one. Returns a function that removes it. */
  onConnected(listener: ConnectedListener): () => void {
    if (this.#owner.isOver) return () => undefined;
    this.#listeners.add(listener);
    // If the report is not over, `tellConnected` runs it.
    if (this.#hasToldConnected && this.#owner.lifecycle.state === 'connected') this.#tell(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** `connected` was reported: runs the listeners of `onConnected`, and then emits the earlier events. */
  tellConnected(): void {
    const listeners = [...this.#listeners];
    this.#hasToldConnected = true;
    for (const listener of listeners) if (this.#owner.lifecycle.state === 'connected') this.#tell(listener);
    for (const tell of this.#early.splice(0)) tell();
  }

  /** The handle was closed: from now on no listener runs. */
  dropListeners(): void {
    this.#listeners.clear();
  }

  #tell(listener: ConnectedListener): void {
    const { connection } = this;
    const generation = this.#generation;
    if (connection !== undefined) this.#owner.events.guard.runBound(() => listener(connection, { generation }));
  }

  /** Tells which candidates the current connection stands for. Runs code of the program. */
  tellSelection(): void {
    const { selection } = this;
    if (this.#plan === undefined || selection === undefined || selection.passedOver.length === 0) return;
    const { passedOver } = selection;
    const endpoint = redactEndpoint(this.#plan.config.endpoint);
    this.#log(describeSelection(endpoint, 'connected', selection));
    reportFallback({ endpoint, role: 'client', taken: [selection], passedOver });
  }

  /** Observes a connection from the start. Its events wait in `early` until the handle uses the connection. */
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
