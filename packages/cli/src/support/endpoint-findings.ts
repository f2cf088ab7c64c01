import {
  type ConnectionConfig,
  type NetworkConnection,
  redactEndpoint,
  type Result,
  servingTransports,
  type Transport,
} from '@entropynet/core';
import { monotonicNow } from '@entropynet/core/platform';
import { type InspectedNatsService, inspectNatsService, NatsTransport } from '@entropynet/transport-nats';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailure, ExitCode, expectOk } from './command-failure.js';
import { type Finding, problemOf } from './finding.js';
import { formatBytes, type Terminal } from './terminal.js';

/** The interval of the pings, in milliseconds. The answer to the first one gives the round trip. */
const PING_MS = 50;

/** An endpoint of the configuration, and the transport that serves it. */
interface Way {
  readonly endpoint: string;
  readonly transport: Transport;
}

/**
 * Checks everything between this process and the server of each endpoint of the configuration, in that order, up to the
 * first obstacle at each. If the configuration has fallbacks, each finding names its endpoint.
 */
export async function endpointFindings(config: ConnectionConfig, terminal: Terminal): Promise<Finding[]> {
  const hasFallbacks = config.fallback !== undefined && config.fallback.length > 0;
  const findings: Finding[] = [];
  for (const way of waysOf(config)) {
    if (terminal.interrupted.aborted && findings.length > 0) break;
    const place = hasFallbacks ? ` at ${redactEndpoint(way.endpoint)}` : '';
    const found = await findingsAt(way, config, terminal);
    findings.push(...found.map((finding) => ({ ...finding, what: finding.what + place })));
  }
  return findings;
}

/** Returns the endpoints that the configured backend serves, at least one. An endpoint that is listed twice counts once. */
function waysOf({ endpoint, fallback = [], backend = 'auto' }: ConnectionConfig): Way[] {
  const transports: Transport[] = [new SharedMemoryTransport(), new WebSocketTransport(), new NatsTransport()];
  const ways = [...new Set([endpoint, ...fallback])].map((each): Way => {
    // Each scheme has one transport.
    const [transport] = expectOk(servingTransports(each, transports));
    const checked = transport.checkEndpoint?.(each);
    if (checked !== undefined) expectOk(checked);
    return { endpoint: each, transport };
  });
  const wanted = ways.filter(({ transport }) => backend === 'auto' || transport.backend === backend);
  if (wanted.length > 0) return wanted;
  throw new CommandFailure(`backend '${backend}' serves none of the endpoints (InvalidParameter)`, ExitCode.Usage);
}

async function findingsAt(
  { endpoint, transport }: Way,
  config: ConnectionConfig,
  terminal: Terminal,
): Promise<Finding[]> {
  const heartbeat = { intervalMs: PING_MS, timeoutMs: 15_000 };
  const asking: ConnectionConfig = {
    ...config,
    endpoint,
    fallback: [],
    webSocket: { ...config.webSocket, heartbeat },
    nats: { ...config.nats, heartbeat },
  };
  const before = transport.backend === 'nats' ? await natsFindings(asking) : [];
  if (before.some(({ judgement }) => judgement === 'problem')) return before;
  const connection = transport.createConnection(asking);
  return [...before, ...(await handshakeFindings(connection, transport.connectionType === 'remote', terminal))];
}

async function natsFindings(config: ConnectionConfig): Promise<Finding[]> {
  const inspected = await inspectNatsService(config);
  if (!inspected.ok) return [natsProblem(inspected)];
  const { version, cluster, maxPayload, needsCredentials, roundTripMs } = inspected.value;
  const where = cluster === undefined ? '' : ` of the cluster '${cluster}'`;
  return [
    {
      what: 'NATS server',
      judgement: 'good',
      found: `version ${version}${where} answers after ${roundTripMs.toFixed(1)} ms; max_payload is ${formatBytes(maxPayload)}`,
    },
    {
      what: 'credentials',
      judgement: 'good',
      found: needsCredentials ? 'the NATS server accepts them' : 'the NATS server asks for none',
    },
    serviceFinding(inspected.value),
  ];
}

function natsProblem({ error }: Extract<Result<unknown>, { ok: false }>): Finding {
  const { code, message } = error;
  // A wrong configuration is a fault of the command line.
  if (code === 'InvalidParameter') throw new CommandFailure(`${message} (${code})`, ExitCode.Usage);
  if (/refused the credentials/.test(message))
    return problemOf(
      'credentials',
      code,
      message,
      'Give the credentials for this NATS server: --creds, --nkey, nats://user:password@host, or "nats" in a --config file.',
    );
  const remedy =
    code === 'HandshakeFailed'
      ? 'Compare TLS on both sides: --ca names the authority, --cert and --key this side’s certificate.'
      : 'Start a NATS server there (Debian: apt-get install nats-server), or correct host and port; mind firewalls.';
  return problemOf('NATS server', code, message, remedy);
}

function serviceFinding({ presence, subject }: InspectedNatsService): Finding {
  const what = 'service';
  if (!presence.ok) {
    const { code, message } = presence.error;
    const remedy =
      code === 'Timeout'
        ? 'Check whether the server hangs, and whether another client subscribes to every subject.'
        : 'Let this user publish to the subjects of the service and subscribe to its inbox ("nats.inboxPrefix").';
    return problemOf(what, code, message, remedy);
  }
  const { isThere, queueGroup } = presence.value;
  if (!isThere)
    return problemOf(
      what,
      'TransportUnavailable',
      `nobody serves '${subject}': the NATS server answers with 503`,
      'Start the server; both sides need the same service, the same "nats.subjectPrefix" and the same NATS account.',
    );
  const group = queueGroup === undefined ? '' : `, in the queue group '${queueGroup}'`;
  return { what, judgement: 'good', found: `a server of '${subject}' is there${group}` };
}

async function handshakeFindings(
  connection: NetworkConnection,
  hasPings: boolean,
  { interrupted: signal }: Terminal,
): Promise<Finding[]> {
  const start = monotonicNow();
  const connected = await connection.connect({ signal });
  if (!connected.ok) {
    const { code, message } = connected.error;
    if (code === 'Aborted') return [interrupted('handshake')];
    if (code === 'InvalidParameter') throw new CommandFailure(`${message} (${code})`, ExitCode.Usage);
    return [problemOf('handshake', code, message, HANDSHAKE_REMEDIES[code])];
  }
  const { library } = connection.peer;
  const spoken = library === undefined ? '' : `; the server is ${library}`;
  const findings: Finding[] = [
    {
      what: 'handshake',
      judgement: 'good',
      found: `connected over ${connection.getBackend()} after ${(monotonicNow() - start).toFixed(1)} ms${spoken}`,
    },
  ];
  if (hasPings) findings.push(await roundTripFinding(connection, signal));
  await connection.disconnect();
  return findings;
}

async function roundTripFinding(connection: NetworkConnection, signal: AbortSignal): Promise<Finding> {
  const what = 'round trip';
  while (connection.roundTripMs === undefined && connection.isConnected() && !signal.aborted)
    await pause(PING_MS, undefined, { signal }).catch(() => undefined);
  const { roundTripMs } = connection;
  if (roundTripMs !== undefined)
    return { what, judgement: 'good', found: `the server answered a ping after ${roundTripMs.toFixed(1)} ms` };
  if (signal.aborted) return interrupted(what);
  return problemOf(what, 'ConnectionClosed', 'the connection ended before the server answered a ping');
}

function interrupted(what: string): Finding {
  return { what, judgement: 'note', found: 'interrupted before the server answered' };
}

const HANDSHAKE_REMEDIES: Readonly<Record<string, string>> = {
  HandshakeFailed:
    'Both sides need the same secret (--secret-file), or none; the server says in its log why it refused.',
  IncompatibleVersion: 'Bring both sides to the same release of EntropyNet.',
  ResourceLimitExceeded: 'The server has all the connections that it may have: close some, or raise its limit.',
  TransportUnavailable: 'Start the server, or correct the endpoint.',
  Timeout: 'Check whether the server hangs or is far away; --timeout allows more time.',
};
