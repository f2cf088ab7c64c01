import { setImmediate } from 'node:timers';
import type {
  ConnectionConfig,
  ConnectionPeer,
  ConnectionServer,
  ConnectionStats,
  NetworkConnection,
  Transport,
} from '@entropynet/core';
import { countOf, messageOf, rowMessage, type MessageRow, type TallySummary } from '../support/messages.js';
import { DEFAULT_CHANNEL, keepBusy, Recorder, type ReceiveOptions } from '../support/recorder.js';
import type { PeerModule } from './peer-module.js';

/** The start of a peer's connection. */
export interface PeerStart {
  /** The channels whose messages it takes from the start; none by default. */
  readonly receive?: readonly ReceiveOptions[];
  /** Whether an accepted connection receives from the start. @default true */
  readonly startReceiving?: boolean;
}

/** The state and the events of a peer's connection. */
export interface PeerReport {
  /** The process in which the peer runs. */
  readonly processId: number;
  /** The near side as the peer's `connection.peer`. */
  readonly peer: ConnectionPeer;
  /** Its state now. */
  readonly state: string;
  /** Every state that was reported. */
  readonly states: readonly string[];
  /** The code of each transition's error. */
  readonly stateCodes: readonly (string | undefined)[];
  /** The code of each `error`. */
  readonly errors: readonly string[];
  /** The channel of each `drain`. */
  readonly drains: readonly string[];
  /** The channels that the other side opened. */
  readonly channels: readonly string[];
  /** Its statistics now. */
  readonly stats: ConnectionStats;
  /** By channel; the default channel under the empty name. */
  readonly received: ReadonlyMap<string, TallySummary>;
}

/** The number of each outcome of a send: `ok` or the error's code. */
export type Outcomes = Readonly<Record<string, number>>;

/** The way in which a peer process or worker ends without a goodbye. */
export type PeerEnding = 'exit' | 'throw';

/** Loads the transport of `module`. */
export async function loadTransport({ specifier, className }: PeerModule): Promise<Transport> {
  const exports = (await import(specifier)) as Record<string, (new () => Transport) | undefined>;
  const TransportClass = exports[className];
  if (TransportClass === undefined) throw new Error(`${specifier} exports no ${className}`);
  return new TransportClass();
}

/**
 * The far side of a conformance test and its actions. Arguments and results are plain data, so that it can run in the
 * same thread, in a worker or in another process.
 */
export class PeerActions {
  readonly #transport: Transport;
  #server: ConnectionServer | undefined;
  #recorder: Recorder | undefined;
  #connections: NetworkConnection[] = [];
  #isFlooding = false;

  /** @param transport the transport of its connections and servers */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Listens and returns the address. */
  async listen(config: ConnectionConfig): Promise<string> {
    this.#server = this.#transport.createServer(config);
    const listening = await this.#server.listen();
    if (!listening.ok) throw listening.error;
    return this.#server.address()!;
  }

  /** Takes the next client. From now on the other actions use this connection. */
  async accept(start: PeerStart = {}): Promise<void> {
    const accepted = await this.#server!.accept();
    if (!accepted.ok) throw accepted.error;
    this.#use(accepted.value, start);
    if (start.startReceiving !== false) accepted.value.startReceiving();
  }

  /** Closes the server. */
  async closeServer(): Promise<void> {
    await this.#server?.close();
  }

  /** Connects and returns `ok` or the error's code. */
  async connect(config: ConnectionConfig, start: PeerStart = {}): Promise<string> {
    const connection = this.#transport.createConnection(config);
    this.#use(connection, start);
    const connected = await connection.connect();
    return connected.ok ? 'ok' : connected.error.code;
  }

  /** Lets an accepted connection receive. */
  async startReceiving(): Promise<void> {
    this.#connection.startReceiving();
  }

  /** Takes messages from now on. */
  async receive(...options: ReceiveOptions[]): Promise<void> {
    for (const each of options) this.#recorder!.receive(each);
  }

  /** Takes no further messages of a channel. */
  async pause(channel = DEFAULT_CHANNEL): Promise<void> {
    this.#recorder!.pause(channel);
  }

  /** Sends a row of messages, and awaits each, or sends all at once. */
  async send(row: MessageRow, options: { channel?: string; unawaited?: boolean } = {}): Promise<Outcomes> {
    const { channel = DEFAULT_CHANNEL, unawaited = false } = options;
    const sends: Promise<string>[] = [];
    for (let index = 0; index < countOf(row); index += 1) {
      const sent = this.#send(channel, rowMessage(row, index));
      sends.push(sent);
      if (!unawaited) await sent;
    }
    return countOutcomes(await Promise.all(sends));
  }

  /** Sends messages of `length` bytes (seeds count up from 1) until the connection ends or `stopFlooding` is called. */
  async flood(length: number): Promise<void> {
    this.#isFlooding = true;
    void (async () => {
      for (let seed = 1; this.#isFlooding; seed += 1) {
        if ((await this.#send(DEFAULT_CHANNEL, messageOf(length, seed))) !== 'ok') return;
        if (seed % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
  }

  /** Ends `flood`. */
  async stopFlooding(): Promise<void> {
    this.#isFlooding = false;
  }

  /** Sends a row, says goodbye and leaves the process or the thread at once. */
  async sendDisconnectAndExit(row: MessageRow): Promise<void> {
    const sends: Promise<string>[] = [];
    for (let index = 0; index < countOf(row); index += 1)
      sends.push(this.#send(DEFAULT_CHANNEL, rowMessage(row, index)));
    await Promise.all(sends);
    await this.#connection.disconnect();
    process.exit(0);
  }

  /** Opens a channel and returns `ok` or the error's code. */
  async openChannel(name: string): Promise<string> {
    const opened = await this.#connection.openChannel(name);
    return opened.ok ? 'ok' : opened.error.code;
  }

  /** Closes a channel and returns `ok` or the error's code. */
  async closeChannel(name: string): Promise<string> {
    const closed = await this.#connection.closeChannel(name);
    return closed.ok ? 'ok' : closed.error.code;
  }

  /** Whether a channel is open. */
  async isChannelOpen(name: string): Promise<boolean> {
    return this.#connection.isChannelOpen(name);
  }

  /** Says goodbye. */
  async disconnect(): Promise<void> {
    this.#isFlooding = false;
    await this.#connection.disconnect();
  }

  /** Keeps the thread busy: its event loop and its callbacks do not run meanwhile. */
  async keepBusy(durationMs: number): Promise<void> {
    keepBusy(durationMs);
  }

  /** Returns the events of the connection so far. */
  async report(): Promise<PeerReport> {
    const recorder = this.#recorder!;
    return {
      processId: process.pid,
      peer: recorder.connection.peer,
      state: recorder.connection.getState(),
      states: recorder.states,
      stateCodes: recorder.stateErrors.map((error) => error?.code),
      errors: recorder.errors.map((error) => error.code),
      drains: recorder.drains,
      channels: recorder.channels,
      stats: recorder.connection.getStats(),
      received: new Map([...recorder.tallies()].map(([channel, tally]) => [channel, tally.summary()])),
    };
  }

  /** Returns the number of messages of a channel that arrived. */
  async count(channel = DEFAULT_CHANNEL): Promise<number> {
    return this.#recorder?.tally(channel).count ?? 0;
  }

  /** Returns the labels of the messages of a channel, in order of arrival. */
  async labels(channel = DEFAULT_CHANNEL): Promise<readonly string[]> {
    return this.#recorder!.tally(channel).labels;
  }

  /** Returns states, channels and messages in the order in which they were reported. */
  async log(): Promise<readonly string[]> {
    return this.#recorder!.log;
  }

  /** Ends the process or the thread without a goodbye. The answer may never arrive. */
  async end(how: PeerEnding): Promise<void> {
    setImmediate(() => {
      if (how === 'exit') process.exit(0);
      throw new Error('the test asked for it');
    });
  }

  /** Closes everything, ready for the next test. */
  async reset(): Promise<void> {
    this.#isFlooding = false;
    const server = this.#server;
    const connections = this.#connections;
    this.#server = undefined;
    this.#connections = [];
    this.#recorder = undefined;
    await Promise.all(connections.map((connection) => connection.disconnect()));
    await server?.close();
  }

  get #connection(): NetworkConnection {
    if (this.#recorder === undefined) throw new Error('the peer has no connection yet');
    return this.#recorder.connection;
  }

  #use(connection: NetworkConnection, start: PeerStart): void {
    this.#connections.push(connection);
    this.#recorder = new Recorder(connection);
    for (const options of start.receive ?? []) this.#recorder.receive(options);
  }

  async #send(channel: string, data: Uint8Array): Promise<string> {
    const connection = this.#connection;
    const sent = await (channel === DEFAULT_CHANNEL ? connection.send(data) : connection.sendOnChannel(channel, data));
    return sent.ok ? 'ok' : sent.error.code;
  }
}

function countOutcomes(outcomes: readonly string[]): Outcomes {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
