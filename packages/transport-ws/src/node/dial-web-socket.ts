import { randomFillSync } from 'node:crypto';
import type { Agent, IncomingMessage } from 'node:http';
import type { connect, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { err, NetworkError, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { WebSocket } from '#ws';
import type { ClientOptions } from 'ws';
import { type AgreedCompression, agreedCompression, negotiationOptions } from './compression.js';
import { isLoopbackAddress, isLoopbackName } from './loopback.js';
import type { Masking } from './message-envelope.js';
import { clearTimeout, setTimeout } from './platform-timers.js';
import { secureContextOptions, tryTls } from './tls-options.js';
import type { WebSocketAddress } from '../protocol/web-socket-address.js';
import { codeOf, connectErrorOf, type HttpRefusal, reasonOf, refusalErrorOf } from '../protocol/web-socket-errors.js';
import { WebSocketLink } from './web-socket-link.js';
import { SOCKET_OPTIONS, SUBPROTOCOL } from '../protocol/web-socket-protocol.js';

/** How much is read of what a server says that refuses the upgrade, in bytes, and for how long, in milliseconds. */
const MAX_BODY_BYTES = 1024;
const BODY_LIMIT_MS = 500;

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
  const masking: { current: Masking } = { current: 'random' };
  const created = createWebSocket(address, config, masking);
  if (!created.ok) return Promise.resolve(created);
  const webSocket = created.value;
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    let compression: AgreedCompression | undefined;
    let isSettled = false;
    const settle = (result: Result<OpenedLink>): void => {
      isSettled = true;
      signal.removeEventListener('abort', onAbort);
      webSocket.off('unexpected-response', onRefused);
      webSocket.off('error', onError);
      resolve(result);
    };
    const fail = (error: NetworkError): void => {
      if (isSettled) return;
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
    const onRefused = (_request: unknown, response: IncomingMessage): void => {
      webSocket.off('unexpected-response', onRefused);
      void readRefusal(response).then((refusal) => {
        fail(refusalErrorOf(refusal, address.url.host));
      });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    webSocket.on('error', onError);
    webSocket.on('unexpected-response', onRefused);
    webSocket.once('upgrade', (response) => {
      socket = response.socket;
      const { agent, createConnection } = config.webSocket;
      const extensions = response.headers['sec-websocket-extensions'];
      compression = agreedCompression(extensions, 'client', config.webSocket.compression);
      // What makes the socket may go through a proxy.
      const isOwn = agent === undefined && createConnection === undefined;
      if (isOwn && isPathPrivate(address.host, socket)) masking.current = 'zero';
    });
    webSocket.once('open', () => {
      try {
        if (socket === undefined) throw new Error('its WebSocket has no socket');
        // At once, before anything that follows the upgrade is read.
        const link = new WebSocketLink(webSocket, socket, masking.current, config, { compression });
        settle(ok({ link, greeted: link.greet(signal) }));
      } catch (error) {
        const hint = 'use the client of @entropynet/transport-ws/browser there';
        fail(
          new NetworkError(
            'NotSupported',
            `this runtime replaces the package 'ws': ${reasonOf(error)}; ${hint}`,
            error,
          ),
        );
      }
    });
    if (signal.aborted) onAbort();
  });
}

function createWebSocket(
  address: WebSocketAddress,
  config: ResolvedConnectionConfig,
  masking: { readonly current: Masking },
): Result<WebSocket> {
  const { headers, tls, agent, createConnection, lookup } = config.webSocket;
  const options = {
    ...SOCKET_OPTIONS,
    perMessageDeflate: negotiationOptions(config.webSocket.compression),
    closeTimeout: config.sendTimeoutMs,
    headers,
    generateMask: (mask: Buffer) => {
      // `ws` hands over four zero bytes.
      if (masking.current === 'random') randomFillSync(mask);
    },
    ...secureContextOptions(tls),
    ...(tls !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
    ...(tls?.servername !== undefined && { servername: tls.servername }),
    ...(agent !== undefined && { agent: agent as Agent }),
    ...(createConnection !== undefined && { createConnection: createConnection as typeof connect }),
    ...(lookup !== undefined && { lookup: lookup }),
  };
  const usable = tryTls(tls);
  if (!usable.ok) return usable;
  try {
    return ok(new WebSocket(address.url, SUBPROTOCOL, options as ClientOptions));
  } catch (error) {
    const key = codeOf(error).startsWith('ERR_INVALID') ? "'webSocket.headers'" : 'the configuration';
    return err('InvalidParameter', `${key} can not be used: ${reasonOf(error)}`, error);
  }
}

/**
 * Masks keep what a hostile page sends from looking like HTTP to a proxy on the way. Where none can be on the way, because
 * both ends of the socket are loopback addresses, the mask is zero, which both ends of `ws` take as nothing to do. Inside
 * TLS it is not: a proxy may end TLS and read on.
 */
function isPathPrivate(host: string, socket: Socket): boolean {
  if (socket instanceof TLSSocket) return false;
  // Another name may stand for a loopback address by an error, or by somebody's will.
  if (!isLoopbackName(host) && !isLoopbackAddress(host)) return false;
  return isLoopbackAddress(socket.remoteAddress) && isLoopbackAddress(socket.localAddress);
}

/** The beginning of what an HTTP server says that refuses the upgrade. */
function readRefusal(response: IncomingMessage): Promise<HttpRefusal> {
  const { statusCode: status = 0, statusMessage: statusText = '' } = response;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (): void => {
      clearTimeout(timer);
      response.destroy();
      resolve({ status, statusText, body: Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString() });
    };
    const timer = setTimeout(finish, BODY_LIMIT_MS);
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_BODY_BYTES) finish();
    });
    response.once('end', finish);
    response.once('error', finish);
  });
}
