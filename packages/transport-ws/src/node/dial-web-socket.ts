import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { NetworkError, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { type AgreedCompression, agreedCompression } from './compression.js';
import { createWebSocket } from './create-web-socket.js';
import { isLoopbackAddress, isLoopbackName } from './loopback.js';
import type { Masking } from './message-envelope.js';
import { clearTimeout, setTimeout } from './platform-timers.js';
import type { WebSocketAddress } from '../protocol/web-socket-address.js';
import { connectErrorOf, type HttpRefusal, refusalErrorOf } from '../protocol/web-socket-errors.js';
import { WebSocketLink } from './web-socket-link.js';

/** The limits for reading the body of a server's refusal: bytes, and milliseconds. */
const MAX_BODY_BYTES = 1024;
const BODY_LIMIT_MS = 500;

/**
 * Makes a link to the server at `address`: TCP, TLS if the endpoint asks for it, the upgrade, and the greetings. If
 * `signal` aborts, it stops at once and releases everything.
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
      // Ending an unfinished handshake emits an error.
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
      // An agent or a function that makes the socket may use a proxy.
      const isOwn = agent === undefined && createConnection === undefined;
      if (isOwn && isPathPrivate(address.host, socket)) masking.current = 'zero';
    });
    webSocket.once('open', () => {
      if (socket === undefined) {
        const hint = 'use the client of @entropynet/transport-ws/browser there';
        const reason = `this runtime replaces the package 'ws': its WebSocket has no socket; ${hint}`;
        fail(new NetworkError('NotSupported', reason));
        return;
      }
      if (compression?.missing !== undefined) {
        const reason = `the server agreed to compress without ${compression.missing}, which this protocol demands`;
        fail(new NetworkError('HandshakeFailed', reason));
        return;
      }
      try {
        // The link is made at once, before the first bytes after the upgrade are read.
        const link = new WebSocketLink(webSocket, socket, masking.current, config, { compression });
        settle(ok({ link, greeted: link.greet(signal) }));
      } catch (error) {
        fail(connectErrorOf(error, address));
      }
    });
    if (signal.aborted) onAbort();
  });
}

/**
 * Masks prevent that a proxy on the path reads the bytes of a hostile page as HTTP. If both ends of the socket are
 * loopback addresses, no proxy can be on the path. Then the mask is zero, and `ws` at both ends skips the masking. With
 * TLS the mask is random, because a proxy may end TLS and forward the data.
 */
function isPathPrivate(host: string, socket: Socket): boolean {
  if (socket instanceof TLSSocket) return false;
  // Another name may resolve to a loopback address by a mistake or an attack.
  if (!isLoopbackName(host) && !isLoopbackAddress(host)) return false;
  return isLoopbackAddress(socket.remoteAddress) && isLoopbackAddress(socket.localAddress);
}

/** Reads the beginning of the body of an HTTP server's refusal. */
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
