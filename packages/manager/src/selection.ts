import {
  changeConfig,
  type ConnectionBackend,
  DiagnosticsChannel,
  type Endpoint,
  err,
  type NetworkErrorCode,
  ok,
  parseEndpoint,
  printable,
  publishDiagnostics,
  redactEndpoint,
  type ResolvedConnectionConfig,
  type Result,
  type Transport,
} from '@entropynet/core';

/** One way to reach the peer: a transport and the endpoint that it is to use. */
export interface Candidate {
  readonly transport: Transport;
  readonly endpoint: string;
  /** The endpoint as it may be shown. */
  readonly shown: string;
}

/** Characters of a candidate's reason at most: a transport's sentence may quote its peer. */
export const MAX_REASON = 1000;

/** A candidate that was not taken, and why. */
export interface PassedOver {
  /** Its transport. */
  readonly backend: ConnectionBackend;
  /** The endpoint that it was to use, redacted. */
  readonly endpoint: string;
  /** What its attempt failed with. */
  readonly code: NetworkErrorCode;
  /** One sentence that a person can act on. */
  readonly reason: string;
}

/** Which transport a connection got, and for each candidate before it why not that one. Plain data, fit for JSON. */
export interface Selection {
  /** The transport that was taken. */
  readonly backend: ConnectionBackend;
  /** The endpoint that was taken: the configuration's own, or one of its fallbacks; user information and query are hidden. */
  readonly endpoint: string;
  /** The candidates before it, in the order in which they were tried. */
  readonly passedOver: readonly PassedOver[];
}

/** What the diagnostics channel `entropynet:fallback` carries. */
export interface FallbackDiagnostics {
  /** The configuration's endpoint, redacted. */
  readonly endpoint: string;
  /** Whether a handle connected or a server listens. */
  readonly role: 'client' | 'server';
  /** The way in which a client connected; every way in which a server listens. */
  readonly taken: readonly Pick<Selection, 'backend' | 'endpoint'>[];
  /** Why not the others; at least one. */
  readonly passedOver: readonly PassedOver[];
}

/** Reports for monitoring that something got another transport than the first of its configuration. */
export function reportFallback(fallback: FallbackDiagnostics): void {
  if (fallback.passedOver.length > 0) publishDiagnostics(DiagnosticsChannel.Fallback, () => fallback);
}

/**
 * Every way that a configuration allows, in the order in which they are tried: the endpoint, then each fallback. `auto`
 * takes every transport that serves an endpoint, in the order of their preference; a named backend only that one. A bare name is
 * served by every transport that is `local`.
 *
 * `InvalidParameter`: an unknown backend or scheme, or a backend that serves none of the endpoints.
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
  const endpoints = [config.endpoint, ...config.fallback];
  for (const text of endpoints) {
    const endpoint = parseEndpoint(text);
    if (!endpoint.ok) return endpoint;
    const serving = transports.filter((transport) => serves(transport, endpoint.value));
    if (serving.length === 0) return err('InvalidParameter', describeUnserved(endpoint.value, transports));
    const wanted = serving.filter((transport) => named === undefined || transport === named);
    for (const transport of byPreference(wanted)) {
      const checked = transport.checkEndpoint?.(text);
      if (checked?.ok === false) return checked;
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

/** The configuration for one candidate: its endpoint and nothing to fall back to. */
export function configOf(candidate: Candidate, config: ResolvedConnectionConfig): ResolvedConnectionConfig {
  const { endpoint, transport } = candidate;
  return changeConfig(config, { endpoint, backend: transport.backend, fallback: [] });
}

/** One line for a log: what was taken and why nothing before it was. */
export function describeSelection(name: string, verb: string, selection: Selection): string {
  const reasons = selection.passedOver.map((each) => `${describeWay(name, each)} passed over: ${each.reason}`);
  return [`${name}: ${verb} over ${describeWay(name, selection)}`, ...reasons].join('; ');
}

/** All candidates failed: one failure with the first one's code and the reason of each. */
export function failureOf(name: string, outcome: string, passedOver: readonly PassedOver[]): Result<never> {
  const reasons = passedOver.map((each) => `${describeWay(name, each)}: ${each.reason}`);
  return err(passedOver[0]?.code ?? 'TransportUnavailable', `'${name}' ${outcome}: ${reasons.join('; ')}`, passedOver);
}

/** The transport, and the endpoint where it is another one than the sentence is about. */
function describeWay(name: string, { backend, endpoint }: Pick<Selection, 'backend' | 'endpoint'>): string {
  return endpoint === name ? backend : `${backend} (${endpoint})`;
}

function serves(transport: Transport, endpoint: Endpoint): boolean {
  if (endpoint.scheme === undefined) return transport.connectionType === 'local';
  return transport.schemes.includes(endpoint.scheme);
}

/** Higher preferences first; equal ones in the order of registration. */
function byPreference(transports: readonly Transport[]): Transport[] {
  return [...transports].sort((a, b) => (b.preference ?? 0) - (a.preference ?? 0));
}

function describeUnserved(endpoint: Endpoint, transports: readonly Transport[]): string {
  const schemes = transports.flatMap((transport) => transport.schemes).map((scheme) => `${scheme}://`);
  if (endpoint.scheme === undefined) {
    return `endpoint '${redactEndpoint(endpoint.text)}' is a bare name, and no registered transport is local; registered schemes are ${schemes.join(', ')}`;
  }
  return `endpoint '${redactEndpoint(endpoint.text)}' has the unknown scheme '${endpoint.scheme}'; registered are ${schemes.join(', ')}`;
}
