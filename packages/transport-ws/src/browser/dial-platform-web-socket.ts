import { err, NetworkError, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { formatHostPort, type WebSocketAddress } from '../web-socket-address.js';
import { SUBPROTOCOL } from '../web-socket-protocol.js';
import { PlatformLink } from './platform-link.js';
import { newPlatformWebSocket, type PlatformWebSocket } from './platform-web-socket.js';

/** Makes a link to the server at `address` and greets it. Leaves nothing behind when `signal` aborts. */
export async function dialPlatformWebSocket(
  address: WebSocketAddress,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<PlatformLink>> {
  const opened = await openPlatformWebSocket(address, signal);
  if (!opened.ok) return opened;
  const link = new PlatformLink(opened.value, config);
  const greeted = await link.greet(signal);
  return greeted.ok ? ok(link) : greeted;
}

/** An open WebSocket. Nothing can have arrived on it when the promise resolves: its events come in later tasks. */
export function openPlatformWebSocket(
  address: WebSocketAddress,
  signal: AbortSignal,
): Promise<Result<PlatformWebSocket>> {
  const created = createPlatformWebSocket(address);
  if (!created.ok || signal.aborted) return Promise.resolve(created.ok ? aborted(created.value, signal) : created);
  const webSocket = created.value;
  const where = formatHostPort(address.host, address.port);
  return new Promise((resolve) => {
    const settle = (result: Result<PlatformWebSocket>): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const onAbort = (): void => {
      settle(aborted(webSocket, signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    webSocket.addEventListener('open', () => {
      if (webSocket.protocol === SUBPROTOCOL) settle(ok(webSocket));
      else {
        webSocket.close();
        settle(err('HandshakeFailed', `the server at ${where} does not speak ${SUBPROTOCOL}`));
      }
    });
    webSocket.addEventListener('close', () => {
      settle(
        err(
          'TransportUnavailable',
          `no WebSocket connection to ${where}: nothing listens there, or the server refused (its webSocket.allowedOrigins must list this page's origin); a page is not told why`,
        ),
      );
    });
  });
}

function createPlatformWebSocket({ url }: WebSocketAddress): Result<PlatformWebSocket> {
  try {
    const webSocket = newPlatformWebSocket(url.href, SUBPROTOCOL);
    if (webSocket === undefined) return err('TransportUnavailable', 'this platform has no WebSocket of its own');
    webSocket.binaryType = 'arraybuffer';
    return ok(webSocket);
  } catch (error) {
    // From a page over https only `wss:` is allowed.
    const reason = error instanceof Error ? error.message : String(error);
    return err('TransportUnavailable', `this page may not connect to ${url.href}: ${reason}`, error);
  }
}

function aborted(webSocket: PlatformWebSocket, signal: AbortSignal): Result<PlatformWebSocket> {
  webSocket.close();
  return { ok: false, error: new NetworkError('Aborted', 'connecting was aborted', signal.reason) };
}
