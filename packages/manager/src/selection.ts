import {
  changeConfig,
  type ConnectionBackend,
  DiagnosticsChannel,
  err,
  type NetworkErrorCode,
  OK,
  ok,
  printable,
  publishDiagnostics,
  redactEndpoint,
  type ResolvedConnectionConfig,
  type Result,
  servingTransports,
  type Transport,
} from '@entropynet/core';
import { callTransport } from './thrown-by-transports.js';

/** A candidate for a connection: a transport and the endpoint that it would use. */
export interface Candidate {
  readonly transport: Transport;
  readonly endpoint: string;
  /** The endpoint without secrets, for messages. */
  readonly shown: string;
}

/** The largest number of characters of a reason: a transport's error may quote its peer. */
export const MAX_REASON = 1000;

/** A candidate that was passed over, and the reason. */
export interface PassedOver {
  /** The transport of the candidate. */
  readonly backend: ConnectionBackend;
  /** The endpoint of the candidate, without user information and query. */
  readonly endpoint: string;
  /** The error code of its attempt. */
  readonly code: NetworkErrorCode;
  /** One sentence that a person can act on. */
  readonly reason: string;
}

/**
 * The transport of a connection, and the reason against each candidate before it. It is plain data and valid as JSON.
 */
export interface Selection {
  /** The transport of the connection. */
  readonly backend: ConnectionBackend;
  /**
   * The endpoint of the connection: the configuration's `endpoint` or a `fallback`, without user information and query.
   */
  readonly endpoint: string;
  /** The candidates before it, in the order of the attempts. */
  readonly passedOver: readonly PassedOver[];
}

/** The message of the diagnostics channel `entropynet:fallback`. */
export interface FallbackDiagnostics {
  /** The configuration's endpoint, without user information and query. */
  readonly endpoint: string;
  /** `client` if a handle connected, `server` if a server listens. */
  readonly role: 'client' | 'server';
  /** The transport and endpoint with which a client connected, or all with which a server listens. */
  readonly taken: readonly Pick<Selection, 'backend' | 'endpoint'>[];
  /** The candidates that were passed over, at least one. */
  readonly passedOver: readonly PassedOver[];
}

/** Publishes that a handle or server did not get the first transport of its configuration. */
export function reportFallback(fallback: FallbackDiagnostics): void {
  if (fallback.passedOver.length > 0) publishDiagnostics(DiagnosticsChannel.Fallback, () => fallback);
}

/**
 * Returns the candidates of a configuration, in the order of the attempts: first those of the endpoint, then those of
 * each fallback. `auto` selects every transport that serves an endpoint, in the order of preference; a named backend
 * selects only that one. Every `local` transport serves a bare name. An endpoint that is listed twice counts once.
 *
 * `InvalidParameter`: an unknown backend or scheme, or a backend that serves none of the endpoints.
 * `TransportUnavailable`: the `checkEndpoint` of a transport threw.
 */
export function candidatesOf(config: ResolvedConnectionConfig, transports: readonly Transport[]): Result<Candidate[]> {
  const named = config.backend === 'auto' ? undefined : transports.find(({ backend }) => backend === config.backend);
  if (config.backend !== 'auto' && named === undefined) {
    const known = transports.map(({ backend }) => `'${backend}'`).join(', ');
    return err(
      'InvalidParameter',
      `'backend' was given '${printable(config.backend, 60)}'; registered are 'auto', ${known}`,
    );
  }
  const candidates: Candidate[] = [];
  // A server would find its own address in use.
  const endpoints = [...new Set([config.endpoint, ...config.fallback])];
  for (const text of endpoints) {
    const serving = servingTransports(text, transports);
    if (!serving.ok) return serving;
    const wanted = serving.value.filter((transport) => named === undefined || transport === named);
    for (const transport of byPreference(wanted)) {
      const checked = callTransport(transport, () => transport.checkEndpoint?.(text) ?? OK);
      if (!checked.ok) return checked;
      candidates.push({ transport, endpoint: text, shown: redactEndpoint(text) });
    }
  }
  if (candidates.length === 0) {
    return err(
      'InvalidParameter',
      `backend '${printable(config.backend, 60)}' serves none of the endpoints ${endpoints.map(redactEndpoint).join(', ')}; ` +
        `its schemes are ${named?.schemes.join(', ') ?? 'none'}: list such an address in 'fallback'`,
    );
  }
  return ok(candidates);
}

/** Returns the configuration for one candidate: its endpoint and no fallback. */
export function configOf(candidate: Candidate, config: ResolvedConnectionConfig): ResolvedConnectionConfig {
  const { endpoint, transport } = candidate;
  return changeConfig(config, { endpoint, backend: transport.backend, fallback: [] });
}

/** Returns one line for a log: the selected transport, and the reasons against those before it. */
export function describeSelection(name: string, verb: string, selection: Selection): string {
  const reasons = selection.passedOver.map((each) => `${describeWay(name, each)} passed over: ${each.reason}`);
  return [`${name}: ${verb} over ${describeWay(name, selection)}`, ...reasons].join('; ');
}

/** Returns the failure if all candidates failed: the code of the first one, and the reason of each. */
export function failureOf(name: string, outcome: string, passedOver: readonly PassedOver[]): Result<never> {
  const reasons = passedOver.map((each) => `${describeWay(name, each)}: ${each.reason}`);
  return err(passedOver[0]?.code ?? 'TransportUnavailable', `'${name}' ${outcome}: ${reasons.join('; ')}`, passedOver);
}

/** Names the transport, and the endpoint if it differs from the one in the sentence. */
function describeWay(name: string, { backend, endpoint }: Pick<Selection, 'backend' | 'endpoint'>): string {
  return endpoint === name ? backend : `${backend} (${endpoint})`;
}

/** Sorts by preference, higher ones first. Equal ones keep the order of registration. */
function byPreference(transports: readonly Transport[]): Transport[] {
  return [...transports].sort((a, b) => (b.preference ?? 0) - (a.preference ?? 0));
}
