import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type ConnectionState,
  describeThrown,
  err,
  faultOfOptions,
  ok,
  printable,
  type Result,
  shortageOf,
  WarningLimiter,
} from '@entropynet/core';
import { epochNow, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';
import { type ConnectionHandle, createNetworking, type ManagedServer, type Networking } from '@entropynet/manager';
import { jsonCodec, toTypedPort } from '@entropynet/messaging';
import { inspectSharedMemory, sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { encodeWithin } from '../encode-within.js';
import { checkInterval, DEFAULT_INTERVAL_MS } from '../interval.js';
import { INSPECTOR_ENDPOINT, ReportLimit, reportSchema } from '../report-schema.js';
import type { AgentName, InspectorState, ProcessReport, ProcessState, RatedRegion } from '../state.js';
import { serveAssets } from './assets.js';
import { isSameProgram, Journal } from './journal.js';
import { withRates } from './rates.js';

/** Options of `serveInspector`. */
export interface InspectorServerOptions {
  /** The port of the page, on the loopback interface. @default 0, any free port */
  readonly port?: number;
  /** The time between two updates of the page, in milliseconds. @default 1000 */
  readonly intervalMs?: number;
  /** The endpoint for agents. @default `INSPECTOR_ENDPOINT`, through shared memory */
  readonly endpoint?: string;
  /** The directory of the shared-memory servers. @default the default of `sharedMemory.directory` */
  readonly directory?: string;
}

/** A running inspector; `serveInspector` returns it. */
export interface InspectorServer {
  /** The address of the page, with its token. Everybody with this address sees everything. */
  readonly address: string;
  /** The reason why agents can't connect; undefined if they can. */
  readonly obstacle: string | undefined;
  /** Stops the inspector. */
  close(): Promise<void>;
}

const OPTIONS = { port: 'a number', intervalMs: 'a number', endpoint: 'a string', directory: 'a string' } as const;

const MOST_PORT = 65_535;
const MOST_PAGES = 16;
/** The largest number of TCP sockets of pages and requests: any program of the machine may open one and send nothing. */
const MOST_SOCKETS = 64;
const TOKEN_BYTES = 16;
/** The largest message to a page, in bytes. The page has the same limit. */
const MOST_STATE_BYTES = 64 * 1024 * 1024;

/**
 * Serves the inspector's page on the loopback interface. The page shows the reports of agents, and the shared memory as
 * `inspectSharedMemory` observes it. `AddressInUse`: another program uses the port. `InvalidParameter`: a wrong option.
 * `ResourceLimitExceeded`: no file descriptor is left.
 */
export async function serveInspector(options: InspectorServerOptions = {}): Promise<Result<InspectorServer>> {
  const fault = faultOfOptions('serveInspector()', options, OPTIONS);
  if (fault !== undefined) return { ok: false, error: fault };
  const { port: wanted = 0, intervalMs = DEFAULT_INTERVAL_MS } = options;
  if (!(Number.isInteger(wanted) && wanted >= 0 && wanted <= MOST_PORT))
    return err('InvalidParameter', `'port' was given ${wanted}; 0 to ${MOST_PORT} is allowed`);
  const interval = checkInterval(intervalMs);
  if (!interval.ok) return interval;
  // First, because it may reject, and then nothing must be left open.
  const networking = await createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
  const token = randomBytes(TOKEN_BYTES).toString('hex');
  const http = createServer(serveAssets(token));
  http.maxConnections = MOST_SOCKETS;
  try {
    http.listen(wanted, '127.0.0.1');
    await once(http, 'listening');
  } catch (error) {
    await networking.close();
    const { code, message: reason } = error as NodeJS.ErrnoException;
    const shortage = shortageOf(error);
    if (shortage !== undefined) return err('ResourceLimitExceeded', `no page at port ${wanted}: ${shortage}`, error);
    const isTaken = code === 'EADDRINUSE';
    return err(isTaken ? 'AddressInUse' : 'TransportUnavailable', `no page at port ${wanted}: ${reason}`, error);
  }
  const warnings = new WarningLimiter();
  // A browser that could not be accepted must not end this process; it may try again.
  http.on('error', (error) => {
    warnings.warn(`the inspector can't accept a browser: ${shortageOf(error) ?? describeThrown(error)}`);
  });
  const inspector = new Inspector(networking, http, options);
  const started = await inspector.start(token);
  if (!started.ok) {
    await inspector.close();
    return started;
  }
  const { port } = http.address() as AddressInfo;
  return ok({
    address: `http://127.0.0.1:${port}/?token=${token}`,
    obstacle: inspector.obstacle,
    close: () => inspector.close(),
  });
}

class Inspector {
  /** The reason why agents can't connect. */
  obstacle: string | undefined;
  readonly #networking: Networking;
  readonly #http: Server;
  readonly #options: InspectorServerOptions;
  readonly #intervalMs: number;
  readonly #processes = new Map<ConnectionHandle, ProcessState>();
  readonly #journal = new Journal();
  /** The pages, each with the information if the last state is still on its way. */
  readonly #pages = new Map<ConnectionHandle, { isBusy: boolean }>();
  readonly #codec = jsonCodec();
  readonly #warnings = new WarningLimiter();
  #lastAgent = 0;
  #timer: Timer | undefined;

  constructor(networking: Networking, http: Server, options: InspectorServerOptions) {
    this.#networking = networking;
    this.#http = http;
    this.#options = options;
    this.#intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
  }

  async start(token: string): Promise<Result> {
    const { manager } = this.#networking;
    const { endpoint = INSPECTOR_ENDPOINT, directory } = this.#options;
    const { port } = this.#http.address() as AddressInfo;
    const feed = manager.createServer({
      endpoint: `ws://127.0.0.1:${port}/feed`,
      secret: token,
      maxMessageSize: MOST_STATE_BYTES,
      webSocket: {
        server: this.#http,
        maxConnections: MOST_PAGES,
        allowedOrigins: [`http://127.0.0.1:${port}`, `http://localhost:${port}`],
      },
    });
    if (!feed.ok) return feed;
    const listening = await feed.value.listen();
    if (!listening.ok) return listening;
    void this.#acceptPages(feed.value);
    const agents = manager.createServer({
      endpoint,
      maxMessageSize: ReportLimit.Bytes,
      ...(directory !== undefined && { sharedMemory: { directory } }),
    });
    if (!agents.ok) return agents;
    const heard = await agents.value.listen();
    // Without agents the page still shows the shared memory.
    if (heard.ok) void this.#acceptAgents(agents.value);
    else this.obstacle = heard.error.message;
    this.#look();
    return listening;
  }

  async close(): Promise<void> {
    stopTimer(this.#timer);
    await this.#networking.close();
    const closed = once(this.#http, 'close');
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  async #acceptPages(server: ManagedServer): Promise<void> {
    for await (const page of server) {
      this.#pages.set(page, { isBusy: false });
      const forgetEnded = (state: ConnectionState): void => {
        if (!hasEnded(state)) return;
        this.#pages.delete(page);
        // Frees its slot of the manager.
        void page.close();
      };
      page.on('state', forgetEnded);
      // It may have ended before this loop got it.
      forgetEnded(page.getState());
    }
  }

  async #acceptAgents(server: ManagedServer): Promise<void> {
    for await (const agent of server) {
      this.#lastAgent += 1;
      const key = String(this.#lastAgent);
      void this.#listenTo(agent, key)
        .catch(() => undefined)
        .finally(() => {
          this.#forget(agent);
          void agent.close();
        });
    }
  }

  /** Reads an agent's reports until the agent leaves. */
  async #listenTo(agent: ConnectionHandle, key: string): Promise<void> {
    for await (const report of toTypedPort<ProcessReport>(agent, { codec: this.#codec, schema: reportSchema })) {
      this.#journal.note(nameOf(key, report), this.#processes.get(agent)?.report, report);
      this.#processes.set(agent, { key, at: epochNow(), report });
    }
  }

  #forget(agent: ConnectionHandle): void {
    const last = this.#processes.get(agent);
    if (last === undefined) return;
    this.#processes.delete(agent);
    // An agent may be back before this side learns that its earlier connection has ended.
    const isIt = ({ report }: ProcessState): boolean =>
      isSameProgram(report, last.report) && report.startedAt === last.report.startedAt;
    if ([...this.#processes.values()].some(isIt)) return;
    this.#journal.noteGone(nameOf(last.key, last.report), last.report, epochNow());
  }

  #look(): void {
    const { directory } = this.#options;
    const inspect = (): ReturnType<typeof inspectSharedMemory> => {
      try {
        return inspectSharedMemory(directory === undefined ? {} : { directory });
      } catch (error) {
        // This runs in a timer of the program. An error of the file system appears only on the page.
        return err('SharedMemoryNotAvailable', `shared memory can't be read: ${printable(error)}`, error);
      }
    };
    let before = inspect();
    const tell = (): void => {
      const now = this.#pages.size > 0 ? inspect() : before;
      const seen = now.ok
        ? {
            servers: now.value.servers.filter(({ process: owner }) => owner?.id !== process.pid),
            regions: withRates(before.ok ? before.value : now.value, now.value).filter(isOfOthers),
            unreadable: now.value.unreadable,
            obstacle: '',
          }
        : { servers: [], regions: [], unreadable: [], obstacle: now.error.message };
      before = now;
      if (this.#pages.size > 0) this.#tellPages({ ...this.#reported(), ...seen });
    };
    const beat = (): void => {
      try {
        tell();
      } catch (error) {
        // A state that can't be encoded must not end this process; the next one may be shorter.
        this.#warnings.warn(`the inspector can't show its state: ${describeThrown(error)}`);
      }
      this.#timer = startTimer(beat, this.#intervalMs);
    };
    beat();
  }

  #reported(): Pick<InspectorState, 'at' | 'processes' | 'leftOut' | 'ended' | 'failures'> {
    const { ended, failures } = this.#journal;
    // Agents repeat their ended connections; the journal has each of them once.
    const processes = [...this.#processes.values()].map((process) => {
      return { ...process, report: { ...process.report, ended: [] } };
    });
    return { at: epochNow(), processes, leftOut: 0, ended, failures };
  }

  #tellPages(state: InspectorState): void {
    const free = [...this.#pages].filter(([, { isBusy }]) => !isBusy);
    if (free.length === 0) return;
    const bytes = encodeWithin(state, MOST_STATE_BYTES, (each) => this.#codec.encode(each));
    // A slow page misses states and gets the next one.
    for (const [page, status] of free) {
      status.isBusy = true;
      const onSent = (): void => {
        status.isBusy = false;
      };
      page.send(bytes).then(onSent, onSent);
    }
  }
}

function nameOf(key: string, { name, processId, threadId }: ProcessReport): AgentName {
  return { key, name, processId, threadId };
}

function hasEnded(state: ConnectionState): boolean {
  return state === 'disconnected' || state === 'failed';
}

/** Omits the connections between agents and this inspector. */
function isOfOthers({ server, client }: RatedRegion): boolean {
  return server?.id !== process.pid && client?.id !== process.pid;
}
