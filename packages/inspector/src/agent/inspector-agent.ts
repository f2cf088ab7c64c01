import { clearInterval, setInterval } from 'node:timers';
import { basename } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { threadId } from 'node:worker_threads';
import {
  checkOptions,
  type ConnectionConfig,
  debugLog,
  describeThrown,
  NetworkError,
  OK,
  redactEndpoint,
  resolveConnectionConfig,
  servingTransports,
  type Transport,
  unwrap,
} from '@entropynet/core';
import { monotonicNow } from '@entropynet/core/platform';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { jsonCodec } from '@entropynet/messaging';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { WebSocketTransport, webSocketTransportModule } from '@entropynet/transport-ws';
import { encodeReportWithin } from '../encode-within.js';
import { checkInterval, DEFAULT_INTERVAL_MS } from '../interval.js';
import { INSPECTOR_ENDPOINT, ReportLimit } from '../report-schema.js';
import type { ProcessReport } from '../state.js';
import { ConnectionWatch } from './connection-watch.js';

const log = debugLog('inspector');

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** The interval for measuring the event loop's delay, in milliseconds. The measured value contains it. */
const DELAY_RESOLUTION_MS = 10;

/** Options of `startInspectorAgent`. */
export interface InspectorAgentOptions {
  /** The name of the process on the page. @default the file name of its program */
  readonly name?: string;
  /** The configuration for connecting to the inspector. @default `INSPECTOR_ENDPOINT`, through shared memory */
  readonly inspector?: ConnectionConfig;
  /** How often the agent looks for the inspector, and how often it reports, in milliseconds. @default 1000 */
  readonly intervalMs?: number;
}

const OPTIONS = { name: 'a string', inspector: 'an object', intervalMs: 'a number' } as const;

/** A running agent; `startInspectorAgent` returns it. */
export interface InspectorAgent {
  /** Stops reporting, and ends the agent's own connection. */
  stop(): Promise<void>;
}

/**
 * Starts an agent. While an inspector of this user runs (`entropynet inspect --web`), the agent reports the connections
 * of this process to it: transports and the reasons for them, counts, backpressure, failures, and the delay of the
 * event loop. It never sends contents of messages. It reports only connections that begin after this call. It does not
 * keep the process alive. Throws a `NetworkError` (`InvalidParameter`) for a wrong option.
 */
export function startInspectorAgent(options: InspectorAgentOptions = {}): InspectorAgent {
  checkOptions('startInspectorAgent()', options, OPTIONS);
  const { name = basename(process.argv[1] ?? process.title) } = options;
  const intervalMs = unwrap(checkInterval(options.intervalMs ?? DEFAULT_INTERVAL_MS));
  const inspector = options.inspector ?? { endpoint: INSPECTOR_ENDPOINT };
  const { endpoint, fallback, maxMessageSize } = unwrap(resolveConnectionConfig(inspector));
  const mostBytes = Math.min(maxMessageSize, ReportLimit.Bytes);
  const candidates = [endpoint, ...fallback].map((each) => [transportOf(each), each] as const);
  const watch = new ConnectionWatch([endpoint, ...fallback]);
  const codec = jsonCodec();
  const startedAt = Math.round(performance.timeOrigin);
  // Measuring the delay costs a timer, so it runs only while an inspector is connected.
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  let networking: Promise<Networking> | undefined;
  let handle: ConnectionHandle | undefined;
  let beating: Promise<void> | undefined;
  let isStopped = false;

  const isThere = async (): Promise<boolean> => {
    for (const [transport, each] of candidates)
      if ((await transport.probe({ ...inspector, endpoint: each })).available) return true;
    return false;
  };
  const report = (): ProcessReport => {
    const milliseconds = (value: number): number =>
      Math.max(0, value / NANOSECONDS_PER_MILLISECOND - DELAY_RESOLUTION_MS);
    const delay =
      delays.count === 0
        ? { p50: 0, p99: 0 }
        : { p50: milliseconds(delays.percentile(50)), p99: milliseconds(delays.percentile(99)) };
    delays.reset();
    return {
      processId: process.pid,
      threadId,
      name: name.slice(0, ReportLimit.Characters),
      startedAt,
      measuredAt: monotonicNow(),
      intervalMs,
      delay,
      totals: watch.totals(),
      connectionCount: watch.connectionCount,
      connections: watch.connections(),
      ended: watch.ended(),
      failures: watch.failures(),
    };
  };
  const beat = async (): Promise<void> => {
    if (handle?.isConnected() !== true) {
      delays.disable();
      // Probe first: a missing inspector must not count as a failed connection every second.
      if (!(await isThere())) return;
    }
    // stop() does not wait for a set-up that begins later.
    if (isStopped) return;
    networking ??= createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] }).catch(
      (error: unknown) => {
        // The next beat tries again.
        networking = undefined;
        throw error;
      },
    );
    const { manager } = await networking;
    if (handle?.isConnected() !== true) {
      await handle?.close();
      const opened = manager.openConnection(inspector);
      if (!opened.ok) throw opened.error;
      handle = opened.value;
      handle.unref();
      const connected = await handle.connect();
      if (!connected.ok || isStopped) return;
      log(() => `reports to ${redactEndpoint(endpoint)}`);
      delays.enable();
    }
    // A report may be larger than the ring, so wait until it is sent before the next one is made.
    const sent = await handle.send(encodeReportWithin(report(), mostBytes, (each) => codec.encode(each)));
    if (!sent.ok) log(() => `a report was not sent: ${sent.error.message}`);
  };
  const timer = setInterval(() => {
    beating ??= beat()
      .catch((error: unknown) => {
        log(() => `can't report: ${describeThrown(error)}`);
      })
      .finally(() => {
        beating = undefined;
      });
  }, intervalMs).unref();
  return {
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      delays.disable();
      watch.stop();
      // If it failed, the beat that started it has reported that, and there is nothing to close.
      await (await networking?.catch(() => undefined))?.close();
      await beating;
    },
  };
}

/** Returns the transport of an endpoint. Throws a `NetworkError` (`InvalidParameter`) if the agent has none for it. */
function transportOf(endpoint: string): Transport {
  const serving = servingTransports(endpoint, [new SharedMemoryTransport(), new WebSocketTransport()]);
  if (!serving.ok) {
    const { code, message } = serving.error;
    throw new NetworkError(code, `'inspector': ${message}`);
  }
  const [transport] = serving.value;
  unwrap(transport.checkEndpoint?.(endpoint) ?? OK);
  return transport;
}
