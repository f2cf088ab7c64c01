import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import { NetworkError, printable } from '@entropynet/core';
import { startLimit } from '@entropynet/core/platform';
import { reasonOf } from '../protocol/web-socket-errors.js';
import type { WebSocketConfig } from '../protocol/web-socket-options.js';
import { SUBPROTOCOL } from '../protocol/web-socket-protocol.js';

/** The reason for refusing an upgrade request. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly reason: string;
  /** Further text for the log, made printable. */
  readonly detail?: string;
}

/** Whether the client asks for this protocol. */
export function asksForProtocol(request: IncomingMessage): boolean {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(SUBPROTOCOL);
}

/** Checks the headers of an upgrade request. Undefined if they allow a connection. */
export function checkHeaders(request: IncomingMessage, config: WebSocketConfig): UpgradeRefusal | undefined {
  const { origin } = request.headers;
  // Only browsers send an Origin. Every page in a browser can reach a server on this machine.
  if (origin !== undefined && !config.allowedOrigins.includes(origin)) {
    const allowed = config.allowedOrigins.length === 0 ? 'none is' : config.allowedOrigins.join(', ');
    const detail = `it is ${JSON.stringify(printable(origin))}; webSocket.allowedOrigins: ${allowed}`;
    return { status: 403, reason: 'this origin is not allowed', detail };
  }
  if (!asksForProtocol(request)) return { status: 400, reason: `the subprotocol ${SUBPROTOCOL} is required` };
  return undefined;
}

/** The answer of the user's hook: refused, or accepted, with an identity if the hook returned one. */
export type Authentication =
  { readonly refusal: UpgradeRefusal } | { readonly refusal?: undefined; readonly identity?: unknown };

/**
 * Calls the user's hook. The request is refused if the hook throws, rejects, or has not answered before its time limit
 * or before `signal` aborts.
 */
export async function checkAuthentication(
  request: IncomingMessage,
  config: WebSocketConfig,
  signal: AbortSignal,
): Promise<Authentication> {
  const { authenticate, handshakeTimeoutMs } = config;
  if (authenticate === undefined) return {};
  let giveUp = (): void => undefined;
  const givenUp = new Promise<boolean>((resolve) => {
    giveUp = () => {
      resolve(false);
    };
  });
  const stopLimit = startLimit(giveUp, handshakeTimeoutMs);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const answer: unknown = await Promise.race([authenticate(request), givenUp]);
    if (answer === true) return {};
    // A falsy value is no identity.
    if (answer) return { identity: answer };
  } catch {
    // An exception of the hook is a refusal.
  } finally {
    stopLimit();
    signal.removeEventListener('abort', giveUp);
  }
  return { refusal: { status: 401, reason: 'authentication failed' } };
}

/** Throws a `NetworkError` (`InvalidParameter`) for a header that HTTP does not allow. */
export function checkHeaderNames(headers: Readonly<Record<string, string | readonly string[]>>): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      for (const each of typeof value === 'string' ? [value] : value) validateHeaderValue(name, each);
    } catch (error) {
      throw new NetworkError(
        'InvalidParameter',
        `'webSocket.responseHeaders' can't be used: ${reasonOf(error)}`,
        error,
      );
    }
  }
}
