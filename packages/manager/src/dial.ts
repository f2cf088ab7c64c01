import {
  debugLog,
  DiagnosticsChannel,
  err,
  type FailureDiagnostics,
  type NetworkConnection,
  NetworkError,
  OK,
  publishDiagnostics,
  redactEndpoint,
  redactText,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { ChannelObject, within } from '@entropynet/core/handle';
import { type Candidate, configOf, failureOf, MAX_REASON, type PassedOver, type Selection } from './selection.js';
import { tryTransport } from './thrown-by-transports.js';

const log = debugLog('manager');

/** The plan for a handle's connections: configuration and candidates. */
export interface DialPlan {
  readonly config: ResolvedConnectionConfig;
  readonly candidates: readonly Candidate[];
}

/** A new connection, and the transport that made it. */
export interface Dialled {
  readonly connection: NetworkConnection;
  readonly selection: Selection;
  readonly observed: { readonly early: (() => void)[] };
}

type Observe = (connection: NetworkConnection) => Dialled['observed'];

/** Tries the candidates in their order. `observe` gets each connection before its first event. */
export async function dial(
  { config, candidates }: DialPlan,
  signal: AbortSignal,
  observe: Observe,
): Promise<Result<Dialled>> {
  const passedOver: PassedOver[] = [];
  for (const candidate of candidates) {
    const { transport, shown: endpoint } = candidate;
    const { backend } = transport;
    const attempted = await tryTransport(transport, () => attempt(candidate, config, signal, observe));
    if (attempted.ok) {
      const { connection, observed } = attempted.value;
      return { ok: true, value: { connection, observed, selection: { backend, endpoint, passedOver } } };
    }
    if (signal.aborted) return err('Aborted', 'connecting was aborted', signal.reason);
    passedOver.push({
      backend,
      endpoint,
      code: attempted.error.code,
      reason: redactText(attempted.error.message, MAX_REASON),
    });
    log(
      () =>
        `${redactEndpoint(config.endpoint)}: ${backend} (${endpoint}) passed over: ${redactText(attempted.error.message)}`,
    );
  }
  return failureOf(redactEndpoint(config.endpoint), 'could not be reached', passedOver);
}

/**
 * Returns `NotSupported` for a connection of another installed copy of `@entropynet/core`, because the channels of a
 * handle can't follow its channels.
 */
export function checkCopy(connection: NetworkConnection): Result {
  if (ChannelObject.canFollow(connection.defaultChannel)) return OK;
  return err(
    'NotSupported',
    `the transport of this connection (${connection.getBackend()}) uses another installed copy of @entropynet/core than ` +
      'the manager: install one version of both',
  );
}

/** Probes the transport, then connects with it. Each of the two steps may take `connectTimeoutMs`. */
async function attempt(
  candidate: Candidate,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
  observe: Observe,
): Promise<Result<Omit<Dialled, 'selection'>>> {
  const own = configOf(candidate, config);
  const { shown: endpoint, transport } = candidate;
  // For such a transport, connecting shows the same, and a probe would cost a round trip.
  const { isProbedByConnecting = false } = transport;
  const probe = isProbedByConnecting ? undefined : await within(transport.probe(own), config.connectTimeoutMs, signal);
  if (probe === 'aborted') return err('Aborted', 'connecting was aborted', signal.reason);
  if (probe === 'timeout') {
    const { connectTimeoutMs } = config;
    return err('Timeout', `its probe did not answer within ${connectTimeoutMs} ms (connectTimeoutMs)`);
  }
  if (probe?.available === false) {
    const { reason, error: cause } = probe;
    const error = new NetworkError(cause?.code ?? 'TransportUnavailable', reason, cause);
    publishDiagnostics(DiagnosticsChannel.Failure, (): FailureDiagnostics => ({
      connection: undefined,
      backend: transport.backend,
      endpoint,
      error,
    }));
    return { ok: false, error };
  }
  return await connectWith(transport.createConnection(own), signal, observe);
}

/** Connects a new connection. If that fails or throws, the connection is released and has no effect on its handle. */
async function connectWith(
  connection: NetworkConnection,
  signal: AbortSignal,
  observe: Observe,
): Promise<Result<Omit<Dialled, 'selection'>>> {
  let isConnected = false;
  let isObserved = false;
  try {
    const usable = checkCopy(connection);
    if (!usable.ok) return usable;
    const observed = observe(connection);
    isObserved = true;
    const connected = await connection.connect({ signal });
    isConnected = connected.ok;
    return connected.ok ? { ok: true, value: { connection, observed } } : connected;
  } finally {
    // Otherwise the handle would take the end of this connection for the end of its next one.
    if (isObserved && !isConnected) connection.observe(undefined);
    if (!isConnected) connection.release();
  }
}
