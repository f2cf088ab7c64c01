import { clearInterval, setInterval } from 'node:timers';
import { basename } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { threadId } from 'node:worker_threads';
import {
  checkOptions,
  type ConnectionConfig,
  debugLog,
  redactEndpoint,
  resolveConnectionConfig,
  type Transport,
  unwrap,
} from '@entropynet/core';
import { monotonicNow } from '@entropynet/core/platform';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { jsonCodec } from '@entropynet/messaging';
import { SharedMemoryTransport, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { WebSocketTransport, webSocketTransportModule } from '@entropynet/transport-ws';
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
  unwrap(resolveConnectionConfig(inspector));
  const isWebSocket = /^wss?:/i.test(inspector.endpoint);
  const transport: Transport = isWebSocket ? new WebSocketTransport() : new SharedMemoryTransport();
  const watch = new ConnectionWatch(inspector.endpoint);
  const codec = jsonCodec();
  const startedAt = Math.round(performance.timeOrigin);
  // Measuring the delay costs a timer, so it runs only while an inspector is connected.
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  let networking: Promise<Networking> | undefined;
  let handle: ConnectionHandle | undefined;
  let isBusy = false;

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
    // Probe first: a missing inspector must not count as a failed connection every second.
    if (handle?.isConnected() !== true && !(await transport.probe(inspector)).available) return;
    networking ??= createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
    const { manager } = await networking;
    if (handle?.isConnected() !== true) {
      delays.disable();
      await handle?.close();
      const opened = manager.openConnection(inspector);
      if (!opened.ok) throw opened.error;
      handle = opened.value;
      handle.unref();
      const connected = await handle.connect();
      if (!connected.ok) return;
      log(() => `reports to ${redactEndpoint(inspector.endpoint)}`);
      delays.enable();
    }
    // A report may be larger than the ring, so wait until it is sent before the next one is made.
    const sent = await handle.send(codec.encode(report()));
    if (!sent.ok) log(() => `a report was not sent: ${sent.error.message}`);
  };
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    beat()
      .catch((error: unknown) => {
        log(() => `can't report: ${String(error)}`);
      })
      .finally(() => {
        isBusy = false;
      });
  }, intervalMs).unref();
  return {
    stop: async () => {
      clearInterval(timer);
      delays.disable();
      watch.stop();
      await (await networking)?.close();
    },
  };
}
