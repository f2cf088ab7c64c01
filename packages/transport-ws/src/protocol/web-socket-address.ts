import { err, kindOf, ok, redactEndpoint, type Result } from '@entropynet/core';

/** The host at which this transport binds and connects if an endpoint has no host. It is never outside this machine. */
export const LOOPBACK_HOST = '127.0.0.1';

/** The parts of a `ws://` or `wss://` endpoint. */
export interface WebSocketAddress {
  readonly url: URL;
  readonly isSecure: boolean;
  /** In the form of `node:net`: without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** `/` if the endpoint has no path. */
  readonly path: string;
}

/** Parses an endpoint. `InvalidParameter`: another scheme, or no URL. */
export function parseWebSocketAddress(endpoint: string): Result<WebSocketAddress> {
  if (typeof endpoint !== 'string')
    return err('InvalidParameter', `an address is a string like 'ws://host:port/path'; ${kindOf(endpoint)} was given`);
  const text = endpoint.replace(/^(wss?:\/\/)(?=[:/]|$)/i, `$1${LOOPBACK_HOST}`);
  if (!/^wss?:\/\//i.test(text) || !URL.canParse(text)) return invalid(endpoint, 'it is not a WebSocket URL');
  const url = new URL(text);
  if (url.hash !== '') return invalid(endpoint, 'a WebSocket URL has no fragment');
  const isSecure = url.protocol === 'wss:';
  const defaultPort = isSecure ? 443 : 80;
  return ok({
    url,
    isSecure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
    path: url.pathname,
  });
}

/** Returns `host:port`, for people and for URLs. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function invalid(endpoint: string, reason: string): Result<WebSocketAddress> {
  return err(
    'InvalidParameter',
    `'endpoint' was given '${redactEndpoint(endpoint)}': ${reason}; an address like 'ws://host:port/path' or 'wss://host:port/path' is expected`,
  );
}
