import type { Socket } from 'node:net';
import { err, NetworkError, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { WebSocket } from 'ws';
import type { WebSocketAddress } from './web-socket-address.js';
import { codeOf, connectErrorOf } from './web-socket-errors.js';
import { WebSocketLink } from './web-socket-link.js';
import { SOCKET_OPTIONS, SUBPROTOCOL } from './web-socket-protocol.js';

/**
 * Makes a link to the server at `address`: TCP, TLS where asked for, the upgrade, and the greetings. Stops at once and
 * leaves nothing behind when `signal` aborts.
 */
export async function dialWebSocket(
  address: WebSocketAddress,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<WebSocketLink>> {
  const opened = await openWebSocket(address, config, signal);
  if (!opened.ok) return opened;
  const greeted = await opened.value.greeted;
  return greeted.ok ? ok(opened.value.link) : greeted;
}

interface OpenedLink {
  readonly link: WebSocketLink;
  readonly greeted: Promise<Result>;
}

function openWebSocket(
  address: WebSocketAddress,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<OpenedLink>> {
  const created = createWebSocket(address, config);
  if (!created.ok) return Promise.resolve(created);
  const webSocket = created.value;
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    const settle = (result: Result<OpenedLink>): void => {
      signal.removeEventListener('abort', onAbort);
      webSocket.off('unexpected-response', onRefused);
      webSocket.off('error', onError);
      resolve(result);
    };
    const fail = (error: NetworkError): void => {
      settle({ ok: false, error });
      // Ending an unfinished handshake is itself an error of the handshake.
      webSocket.on('error', () => undefined);
      webSocket.terminate();
    };
    const onAbort = (): void => {
      fail(new NetworkError('Aborted', 'connecting was aborted', signal.reason));
    };
    const onError = (error: Error): void => {
      fail(connectErrorOf(error, address));
    };
    const onRefused = (_request: unknown, response: { statusCode?: number; statusMessage?: string }): void => {
      const status = `${response.statusCode ?? 0} ${response.statusMessage ?? ''}`.trim();
      fail(new NetworkError('HandshakeFailed', `the server at ${address.url.host} refused with HTTP status ${status}`));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    webSocket.on('error', onError);
    webSocket.on('unexpected-response', onRefused);
    webSocket.once('upgrade', (response) => {
      socket = response.socket;
    });
    webSocket.once('open', () => {
      if (socket === undefined) return;
      // At once, before anything that follows the upgrade is read.
      const link = new WebSocketLink(webSocket, socket, isPathPrivate(address) ? 'zero' : 'random', config);
      settle(ok({ link, greeted: link.greet(signal) }));
    });
    if (signal.aborted) onAbort();
  });
}

function createWebSocket(address: WebSocketAddress, config: ResolvedConnectionConfig): Result<WebSocket> {
  const { headers, tls } = config.webSocket;
  const options = {
    ...SOCKET_OPTIONS,
    closeTimeout: config.sendTimeoutMs,
    headers,
    ...(isPathPrivate(address) && { generateMask: leaveZero }),
    ...(tls?.certificateAuthority !== undefined && { ca: tls.certificateAuthority }),
    ...(tls !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
  };
  try {
    return ok(new WebSocket(address.url, SUBPROTOCOL, options));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const key = codeOf(error).startsWith('ERR_INVALID') ? "'webSocket.headers'" : 'the configuration';
    return err('InvalidParameter', `${key} can not be used: ${reason}`, error);
  }
}

/**
 * Masks keep what a hostile page sends from looking like HTTP to a proxy on the way. Where no proxy can read the bytes
 * (TLS) or be on the way at all (this machine), the mask is zero, which both ends of `ws` take as nothing to do.
 */
function isPathPrivate(address: WebSocketAddress): boolean {
  return address.isSecure || address.host === 'localhost' || address.host === '::1' || /^127\./.test(address.host);
}

function leaveZero(): void {
  // `ws` hands over four zero bytes.
}
