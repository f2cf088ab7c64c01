import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  type BackpressureDiagnostics,
  type ConnectionDiagnostics,
  DiagnosticsChannel,
  type FailureDiagnostics,
  type NetworkConnection,
  redactEndpoint,
  redactText,
  Roster,
} from '@entropynet/core';
import { epochNow } from '@entropynet/core/platform';
import type { FallbackDiagnostics } from '@entropynet/manager';
import { ReportLimit } from '../report-schema.js';
import type {
  ChannelReport,
  ConnectionCounts,
  ConnectionFacts,
  ConnectionReport,
  EndedReport,
  FailureReport,
  ProcessTotals,
} from '../state.js';

interface Watched {
  readonly connection: NetworkConnection;
  readonly facts: ConnectionFacts;
  readonly link: string | null;
  readonly peer: string | null;
  why: readonly string[];
  waits: number;
  readonly waitsByChannel: Map<string, number>;
}

/** Follows the connections that this process makes from now on, through the diagnostics channels. */
export class ConnectionWatch {
  readonly #ownEndpoints: ReadonlySet<string>;
  readonly #watched = new Roster<Watched>();
  readonly #watchedOf = new WeakMap<NetworkConnection, Watched>();
  readonly #connecting = new WeakSet<NetworkConnection>();
  readonly #ended: EndedReport[] = [];
  readonly #failures: FailureReport[] = [];
  readonly #listeners: readonly (readonly [DiagnosticsChannel, (message: unknown) => void])[];
  /** The sum of the counters of connections that have ended. */
  readonly #endedCounts = noCounts();
  #opened = 0;
  #endedCount = 0;
  #failed = 0;

  /** @param ownEndpoints the endpoints of the agent's own connections, which it does not report */
  constructor(ownEndpoints: readonly string[]) {
    this.#ownEndpoints = new Set(ownEndpoints.map(redactEndpoint));
    this.#listeners = [
      [DiagnosticsChannel.Connecting, (message) => this.#connecting.add((message as ConnectionDiagnostics).connection)],
      [DiagnosticsChannel.Connect, (message) => this.#onConnect(message as ConnectionDiagnostics)],
      [DiagnosticsChannel.Disconnect, (message) => this.#onEnd((message as ConnectionDiagnostics).connection)],
      [DiagnosticsChannel.Failure, (message) => this.#onFailure(message as FailureDiagnostics)],
      [DiagnosticsChannel.Fallback, (message) => this.#onFallback(message as FallbackDiagnostics)],
      [DiagnosticsChannel.Backpressure, (message) => this.#onBackpressure(message as BackpressureDiagnostics)],
    ];
    for (const [channel, listener] of this.#listeners) subscribe(channel, listener);
  }

  stop(): void {
    for (const [channel, listener] of this.#listeners) unsubscribe(channel, listener);
    for (const watched of this.#watched) this.#forget(watched);
  }

  get connectionCount(): number {
    return this.#watched.size;
  }

  connections(): ConnectionReport[] {
    const reports: ConnectionReport[] = [];
    for (const watched of this.#watched) {
      if (reports.length === ReportLimit.Connections) break;
      const { connection, facts, link, peer, why } = watched;
      reports.push({
        ...facts,
        ...countsOf(watched),
        link,
        peer,
        why,
        unconfirmedBytes: connection.unconfirmedSends().bytes,
        roundTripMs: connection.roundTripMs ?? null,
        channels: channelsOf(watched),
      });
    }
    return reports;
  }

  totals(): ProcessTotals {
    const sum = noCounts();
    add(sum, this.#endedCounts);
    for (const watched of this.#watched) add(sum, countsOf(watched));
    return { ...sum, opened: this.#opened, ended: this.#endedCount, failed: this.#failed };
  }

  ended(): readonly EndedReport[] {
    return this.#ended;
  }

  failures(): readonly FailureReport[] {
    return this.#failures;
  }

  #onConnect({ connection, endpoint }: ConnectionDiagnostics): void {
    if (this.#isOwn(endpoint)) return;
    this.#opened += 1;
    const watched: Watched = {
      connection,
      facts: {
        id: this.#opened,
        backend: cut(connection.getBackend()),
        endpoint: cut(endpoint),
        role: this.#connecting.has(connection) ? 'client' : 'server',
        since: connection.getStats().connectTime,
      },
      link: connection.linkKey === undefined ? null : cut(connection.linkKey),
      peer: connection.peer.address === undefined ? null : cut(connection.peer.address),
      why: [],
      waits: 0,
      waitsByChannel: new Map(),
    };
    this.#watched.add(watched);
    this.#watchedOf.set(connection, watched);
  }

  #onEnd(connection: NetworkConnection, code = '', message = ''): void {
    const watched = this.#watchedOf.get(connection);
    if (watched === undefined) return;
    this.#forget(watched);
    const counts = countsOf(watched);
    add(this.#endedCounts, counts);
    this.#endedCount += 1;
    remember(this.#ended, ReportLimit.Ended, { ...watched.facts, ...counts, endedAt: epochNow(), code, message });
  }

  #onFailure({ connection, backend, endpoint, error }: FailureDiagnostics): void {
    const message = cut(error.message);
    if (connection !== undefined) this.#onEnd(connection, error.code, message);
    if (this.#isOwn(endpoint)) return;
    this.#failed += 1;
    const failure = { id: this.#failed, at: epochNow(), backend, endpoint: cut(endpoint), code: error.code, message };
    remember(this.#failures, ReportLimit.Failures, failure);
  }

  /** The event comes directly after the connection that was selected instead is connected. */
  #onFallback({ role, taken, passedOver }: FallbackDiagnostics): void {
    if (role !== 'client') return;
    const isTaken = ({ connection, facts }: Watched): boolean =>
      taken.some(({ backend, endpoint }) => backend === connection.getBackend() && cut(endpoint) === facts.endpoint);
    const watched = [...this.#watched].reverse().find(isTaken);
    if (watched === undefined) return;
    watched.why = passedOver
      .slice(0, ReportLimit.Reasons)
      .map(({ backend, reason }) => cut(`not ${backend}: ${reason}`));
  }

  #onBackpressure({ connection, channel = '' }: BackpressureDiagnostics): void {
    const watched = this.#watchedOf.get(connection);
    if (watched === undefined) return;
    watched.waits += 1;
    const { waitsByChannel: byChannel } = watched;
    if (byChannel.has(channel) || byChannel.size < ReportLimit.Channels)
      byChannel.set(channel, (byChannel.get(channel) ?? 0) + 1);
  }

  #forget(watched: Watched): void {
    this.#watched.delete(watched);
    this.#watchedOf.delete(watched.connection);
  }

  #isOwn(endpoint: string): boolean {
    return this.#ownEndpoints.has(endpoint);
  }
}

/** Leaves out a default channel that is alone, because its connection reports the same. */
function channelsOf({ connection, waitsByChannel }: Watched): ChannelReport[] {
  const named = connection.channels();
  const open = named.length === 0 && waitsByChannel.size === 0 ? [] : [connection.defaultChannel, ...named];
  const reports = open.slice(0, ReportLimit.Channels).map((channel): ChannelReport => {
    const { messagesSent, bytesSent, sendWindow, waitingMessages, unreadFrames } = channel.getStats();
    const name = channel.name ?? '';
    return {
      name: cut(name),
      waits: waitsByChannel.get(name) ?? 0,
      now: { messagesSent, bytesSent, window: sendWindow, queued: waitingMessages, parked: unreadFrames },
    };
  });
  const isOpen = new Set(open.map(({ name }) => name ?? ''));
  const closed = [...waitsByChannel].filter(([name]) => !isOpen.has(name));
  const left = ReportLimit.Channels - reports.length;
  return [...reports, ...closed.slice(0, left).map(([name, waits]) => ({ name: cut(name), waits, now: null }))];
}

function countsOf({ connection, waits }: Watched): ConnectionCounts {
  const { bytesSent, bytesReceived, messagesSent, messagesReceived } = connection.getStats();
  return { bytesSent, bytesReceived, messagesSent, messagesReceived, waits };
}

type MutableCounts = { -readonly [Key in keyof ConnectionCounts]: number };

function noCounts(): MutableCounts {
  return { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesReceived: 0, waits: 0 };
}

function add(sum: MutableCounts, more: ConnectionCounts): void {
  for (const key of Object.keys(sum) as (keyof ConnectionCounts)[]) sum[key] += more[key];
}

/** Puts the newest item first and removes the items beyond the limit. */
function remember<Item>(list: Item[], most: number, item: Item): void {
  list.unshift(item);
  if (list.length > most) list.length = most;
}

/**
 * Returns the sentence of a peer or of the system without the secrets of an address, and not longer than a report
 * allows.
 */
function cut(text: string): string {
  return redactText(text, ReportLimit.Characters);
}
