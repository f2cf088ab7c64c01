import {
  err,
  NetworkError,
  ok,
  redactEndpoint,
  redactText,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { formatHostPort, type WebSocketAddress } from '../protocol/web-socket-address.js';
import { reasonOf } from '../protocol/web-socket-errors.js';
import { SUBPROTOCOL } from '../protocol/web-socket-protocol.js';
import { PlatformLink } from './platform-link.js';
import { newPlatformWebSocket, type PlatformWebSocket } from './platform-web-socket.js';

/** Opens a link to the server at `address` and exchanges the greetings. If `signal` aborts, it releases everything. */
export async function dialPlatformWebSocket(
  address: WebSocketAddress,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<PlatformLink>> {
  const opened = await openPlatformWebSocket(address, signal, (webSocket) => {
    const link = new PlatformLink(webSocket, config);
    return { link, greeted: link.greet(signal) };
  });
  if (!opened.ok) return opened;
  const { link, greeted } = opened.value;
  const result = await greeted;
  return result.ok ? ok(link) : result;
}

/**
 * Opens a WebSocket.
 * @param use called at the moment of its `open` event, because not every implementation delivers the first messages in
 * a later task. Its result is the function's result; an exception of it is a failure.
 */
export function openPlatformWebSocket<T>(
  address: WebSocketAddress,
  signal: AbortSignal,
  use: (webSocket: PlatformWebSocket) => T,
): Promise<Result<T>> {
  const created = createPlatformWebSocket(address);
  if (!created.ok || signal.aborted) return Promise.resolve(created.ok ? aborted(created.value, signal) : created);
  const webSocket = created.value;
  const where = formatHostPort(address.host, address.port);
  return new Promise((resolve) => {
    const settle = (result: Result<T>): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const onAbort = (): void => {
      settle(aborted(webSocket, signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    webSocket.addEventListener('open', () => {
      try {
        if (webSocket.protocol === SUBPROTOCOL) {
          settle(ok(use(webSocket)));
          return;
        }
        settle(err('HandshakeFailed', `the server at ${where} does not speak ${SUBPROTOCOL}`));
      } catch (error) {
        settle(err('TransportUnavailable', `the WebSocket of this platform can't be used: ${reasonOf(error)}`, error));
      }
      webSocket.close();
    });
    // The `ws` package, as a global, throws if an `error` has no listener. The `close` event follows it.
    webSocket.addEventListener('error', () => undefined);
    webSocket.addEventListener('close', () => {
      settle(
        err(
          'TransportUnavailable',
          `no WebSocket connection to ${where}: nothing listens there, or the server refused (its webSocket.allowedOrigins must list this page's origin); browsers do not tell pages the reason`,
        ),
      );
    });
  });
}

function createPlatformWebSocket({ url }: WebSocketAddress): Result<PlatformWebSocket> {
  try {
    const webSocket = newPlatformWebSocket(url.href, SUBPROTOCOL);
    if (webSocket === undefined) return err('TransportUnavailable', 'this platform has no WebSocket');
    webSocket.binaryType = 'arraybuffer';
    return ok(webSocket);
  } catch (error) {
    // A page over https may only use `wss:`.
    return err(
      'TransportUnavailable',
      `this page may not connect to ${redactEndpoint(url.href)}: ${redactText(reasonOf(error))}`,
    );
  }
}

function aborted(
  webSocket: PlatformWebSocket,
  signal: AbortSignal,
): { readonly ok: false; readonly error: NetworkError } {
  webSocket.close();
  return { ok: false, error: new NetworkError('Aborted', 'connecting was aborted', signal.reason) };
}
