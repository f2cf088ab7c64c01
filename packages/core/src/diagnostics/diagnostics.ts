import { kindOf } from '../result/kind-of.js';
import type { ConnectionState } from '../api/connection-types.js';
import { runAsMicrotask } from '../platform/clock.js';
import type { NetworkError } from '../result/network-error.js';

/**
 * The channels of `node:diagnostics_channel` on which EntropyNet publishes events of a process. Use them for
 * monitoring, and not for decisions of the program. Without a subscriber, EntropyNet builds no message.
 */
export const DiagnosticsChannel = {
  /** A client begins to connect; `Connect`, `Failure` or `Disconnect` follows: `ConnectionDiagnostics`. */
  Connecting: 'entropynet:connecting',
  /** A connection is connected, on either side: `ConnectionDiagnostics`. */
  Connect: 'entropynet:connect',
  /** A connection ended with a goodbye of either side: `ConnectionDiagnostics`. */
  Disconnect: 'entropynet:disconnect',
  /** A connection, or the attempt to make one, failed: `FailureDiagnostics`. */
  Failure: 'entropynet:failure',
  /** A sender got `WouldBlock`, or its message has to wait: `BackpressureDiagnostics`. */
  Backpressure: 'entropynet:backpressure',
  /** A handle or server did not get its first transport: `FallbackDiagnostics` of `@entropynet/manager`. */
  Fallback: 'entropynet:fallback',
} as const;
export type DiagnosticsChannel = (typeof DiagnosticsChannel)[keyof typeof DiagnosticsChannel];

/** The reports about a connection. */
export interface ReportedConnection {
  readonly endpoint: string;
  getBackend(): string;
  description(): string;
}

interface Publisher {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

type Logger = ((text: string) => void) & { readonly enabled: boolean };

// Taken from the runtime and not imported: core also runs in pages, which have neither.
const runtime = typeof process === 'undefined' ? undefined : process;
const channels = runtime?.getBuiltinModule?.('node:diagnostics_channel');
const util = runtime?.getBuiltinModule?.('node:util');

const publishers = new Map<DiagnosticsChannel, Publisher>();
for (const name of Object.values(DiagnosticsChannel)) {
  const channel = channels?.channel(name);
  if (channel !== undefined) publishers.set(name, channel);
}

/**
 * Publishes the value of `describe` if there is a subscriber. If a subscriber throws, the process gets the exception.
 */
export function publishDiagnostics(name: DiagnosticsChannel, describe: () => unknown): void {
  const publisher = publishers.get(name);
  if (publisher?.hasSubscribers === true) publisher.publish(describe());
}

/**
 * Returns a function that writes to the debug log of a section. `NODE_DEBUG` turns the log on, as for Node.js itself:
 * `entropynet` for all sections, or `entropynet-` and a section. While the log is off, the function does not call
 * `describe`.
 */
export function debugLog(section: string): (describe: () => string) => void {
  if (typeof section !== 'string')
    throw new TypeError(`a section of the log is a string; ${kindOf(section)} was given`);
  const loggers = [util?.debuglog('entropynet'), util?.debuglog(`entropynet-${section}`)] as (Logger | undefined)[];
  return (describe) => {
    const logger = loggers.find((each) => each?.enabled === true);
    logger?.(`${section}: ${describe()}`);
  };
}

const log = debugLog('connection');

const CHANNEL_OF_STATE: Readonly<Partial<Record<ConnectionState, DiagnosticsChannel>>> = {
  connecting: DiagnosticsChannel.Connecting,
  connected: DiagnosticsChannel.Connect,
  disconnected: DiagnosticsChannel.Disconnect,
};

/** Publishes a state change of a connection. */
export function reportTransition(
  connection: ReportedConnection,
  state: ConnectionState,
  error: NetworkError | undefined,
): void {
  log(() => `${connection.description()}${error === undefined ? '' : `: ${error.code}: ${error.message}`}`);
  const { endpoint } = connection;
  if (state === 'failed') {
    publishDiagnostics(DiagnosticsChannel.Failure, () => ({
      connection,
      backend: connection.getBackend(),
      endpoint,
      error,
    }));
    return;
  }
  const name = CHANNEL_OF_STATE[state];
  if (name === undefined) return;
  publishDiagnostics(name, () => ({ connection, backend: connection.getBackend(), endpoint }));
}

/**
 * Publishes an accepted connection. Call it after its constructors have run: a subscriber may call methods of the
 * subclass.
 */
export function reportAccepted(connection: ReportedConnection): void {
  runAsMicrotask(() => {
    reportTransition(connection, 'connected', undefined);
  });
}

/** Returns a function that publishes that a message has to wait, or was refused. */
export function backpressureReporter(
  connection: ReportedConnection,
): (channel: { readonly name: string | undefined }, length: number) => void {
  return (channel, length) => {
    publishDiagnostics(DiagnosticsChannel.Backpressure, () => ({
      connection,
      backend: connection.getBackend(),
      endpoint: connection.endpoint,
      channel: channel.name,
      length,
    }));
  };
}
