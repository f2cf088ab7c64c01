import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  type BackpressureDiagnostics,
  type ConnectionDiagnostics,
  DiagnosticsChannel,
  type FailureDiagnostics,
  type NetworkConnection,
  redactEndpoint,
} from '@entropynet/core';
import type { FallbackDiagnostics } from '@entropynet/manager';
import { WebSocketConnection } from '@entropynet/transport-ws';
import type { ConnectionReport, FailureReport } from '../state.js';

/** As many failures are remembered; older ones are forgotten. */
const MOST_FAILURES = 50;
const MOST_CONNECTIONS = 500;
const MOST_CHARACTERS = 500;

interface Watched {
  readonly id: number;
  readonly endpoint: string;
  readonly role: 'client' | 'server';
  why: readonly string[];
  waits: number;
}

/** Knows the connections of this process from the diagnostics channels; those that were there before it, it does not. */
export class ConnectionWatch {
  readonly #ownEndpoint: string;
  readonly #connections = new Map<NetworkConnection, Watched>();
  readonly #connecting = new WeakSet<NetworkConnection>();
  readonly #failures: FailureReport[] = [];
  readonly #listeners: readonly (readonly [DiagnosticsChannel, (message: unknown) => void])[];
  #lastId = 0;

  /** @param ownEndpoint of the agent's own connections, which are nobody's concern */
  constructor(ownEndpoint: string) {
    this.#ownEndpoint = redactEndpoint(ownEndpoint);
    this.#listeners = [
      [DiagnosticsChannel.Connecting, (message) => this.#connecting.add((message as ConnectionDiagnostics).connection)],
      [DiagnosticsChannel.Connect, (message) => this.#onConnect(message as ConnectionDiagnostics)],
      [
        DiagnosticsChannel.Disconnect,
        (message) => this.#connections.delete((message as ConnectionDiagnostics).connection),
      ],
      [DiagnosticsChannel.Failure, (message) => this.#onFailure(message as FailureDiagnostics)],
      [DiagnosticsChannel.Fallback, (message) => this.#onFallback(message as FallbackDiagnostics)],
      [DiagnosticsChannel.Backpressure, (message) => this.#onBackpressure(message as BackpressureDiagnostics)],
    ];
    for (const [channel, listener] of this.#listeners) subscribe(channel, listener);
  }

  stop(): void {
    for (const [channel, listener] of this.#listeners) unsubscribe(channel, listener);
    this.#connections.clear();
  }

  connections(): ConnectionReport[] {
    return [...this.#connections].slice(0, MOST_CONNECTIONS).map(([connection, { id, endpoint, role, why, waits }]) => {
      const { bytesSent, bytesReceived, messagesSent, messagesReceived, connectTime } = connection.getStats();
      return {
        id,
        backend: connection.getBackend(),
        endpoint,
        role,
        since: connectTime,
        why: [...why],
        bytesSent,
        bytesReceived,
        messagesSent,
        messagesReceived,
        unconfirmedBytes: connection.unconfirmedSends().bytes,
        waits,
        roundTripMs: connection instanceof WebSocketConnection ? (connection.roundTripMs ?? null) : null,
      };
    });
  }

  failures(): FailureReport[] {
    return [...this.#failures];
  }

  #onConnect({ connection, endpoint }: ConnectionDiagnostics): void {
    if (this.#isOwn(endpoint)) return;
    const role = this.#connecting.has(connection) ? 'client' : 'server';
    this.#lastId += 1;
    this.#connections.set(connection, { id: this.#lastId, endpoint: cut(endpoint), role, why: [], waits: 0 });
  }

  #onFailure({ connection, backend, endpoint, error }: FailureDiagnostics): void {
    if (connection !== undefined) this.#connections.delete(connection);
    if (this.#isOwn(endpoint)) return;
    this.#failures.unshift({
      at: Date.now(),
      backend,
      endpoint: cut(endpoint),
      code: error.code,
      message: cut(error.message),
    });
    this.#failures.length = Math.min(this.#failures.length, MOST_FAILURES);
  }

  /** It is said right after the connection that was taken instead stands. */
  #onFallback({ role, taken, passedOver }: FallbackDiagnostics): void {
    if (role !== 'client') return;
    const watched = [...this.#connections].reverse().find(([connection, { endpoint }]) => {
      return taken.some((each) => each.backend === connection.getBackend() && each.endpoint === endpoint);
    });
    if (watched === undefined) return;
    watched[1].why = passedOver.slice(0, 20).map(({ backend, reason }) => cut(`not ${backend}: ${reason}`));
  }

  #onBackpressure({ connection }: BackpressureDiagnostics): void {
    const watched = this.#connections.get(connection);
    if (watched !== undefined) watched.waits += 1;
  }

  #isOwn(endpoint: string): boolean {
    return endpoint === this.#ownEndpoint;
  }
}

function cut(text: string): string {
  return text.slice(0, MOST_CHARACTERS);
}
