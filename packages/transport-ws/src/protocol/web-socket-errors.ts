import { NetworkError, type NetworkErrorCode, printable, redactText, type TransportProbe } from '@entropynet/core';
import { formatHostPort, type WebSocketAddress } from './web-socket-address.js';
import { CloseCode, protocolCodeOf } from './web-socket-protocol.js';

/** Errors of the operating system that mean that nothing can be reached there. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at',
  ENOTFOUND: 'no such host:',
  EAI_AGAIN: 'the host name can not be resolved now:',
  EHOSTUNREACH: 'there is no route to',
  EHOSTDOWN: 'the host is down:',
  ENETUNREACH: 'there is no network to',
  EADDRNOTAVAIL: 'not an address that can be reached from here:',
};

/** Errors of the operating system that mean that the other side went away. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** Why no connection to `address` came about, from an error of a socket, of TLS, of HTTP or of `ws`. */
export function connectErrorOf(error: unknown, address: WebSocketAddress): NetworkError {
  const code = codeOf(error);
  const where = formatHostPort(address.host, address.port);
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined) {
    return new NetworkError('TransportUnavailable', `${unreachable} ${where} (${code})`, error);
  }
  if (code === 'ETIMEDOUT') return new NetworkError('Timeout', `${where} does not answer (${code})`, error);
  if (GONE.has(code)) {
    return new NetworkError('PeerDied', `the server at ${where} went away during the handshake (${code})`, error);
  }
  const reason = reasonOf(error);
  const suffix = code === '' ? '' : ` (${code})`;
  return new NetworkError('HandshakeFailed', `no WebSocket connection to ${where}: ${reason}${suffix}`, error);
}

/** Why a server can't listen at `where`. */
export function listenErrorOf(error: unknown, where: string): NetworkError {
  const code = codeOf(error);
  if (code === 'EADDRINUSE') {
    return new NetworkError('AddressInUse', `another program listens at ${where} already (${code})`, error);
  }
  if (code === 'EACCES') {
    return new NetworkError(
      'TransportUnavailable',
      `this user may not listen at ${where} (${code}): choose a port above 1023`,
      error,
    );
  }
  const reason = reasonOf(error);
  return new NetworkError('TransportUnavailable', `can not listen at ${where}: ${reason}`, error);
}

/** The failure that a close frame of the peer stands for; undefined for a goodbye. */
export function closeErrorOf(receivedCode: number, reason: string, cause?: unknown): NetworkError | undefined {
  const closeCode = protocolCodeOf(receivedCode);
  switch (closeCode) {
    case CloseCode.Normal:
    case CloseCode.GoingAway:
    case CloseCode.NoStatus:
      return undefined;
    case CloseCode.Abnormal: {
      const code = codeOf(cause);
      const suffix = code === '' ? '' : ` (${code})`;
      return new NetworkError('PeerDied', `the peer ended without a goodbye${suffix}`, cause);
    }
    default: {
      const said = reason === '' ? 'without a reason' : `saying ${JSON.stringify(printable(reason))}`;
      return new NetworkError(
        closeCodeMeaning(closeCode),
        `the peer closed the connection with code ${receivedCode}, ${said}`,
      );
    }
  }
}

/** The failure that `ws` found in what the peer sent. */
export function receiveErrorOf(error: Error): NetworkError {
  const code = codeOf(error);
  return new NetworkError('InvalidMessage', `the peer broke the protocol: ${error.message} (${code})`, error);
}

/** An answer of an HTTP server that is no upgrade. */
export interface HttpRefusal {
  readonly status: number;
  readonly statusText: string;
  /** What the server says, or the beginning of it. */
  readonly body: string;
}

/** The failure that an HTTP server's refusal stands for. What the server says is shown, made printable. */
export function refusalErrorOf({ status, statusText, body }: HttpRefusal, where: string): NetworkError {
  const isFull = status === 503 || status === 429;
  const said = body.trim() === '' ? '' : `, saying ${JSON.stringify(printable(body.trim()))}`;
  const what = `HTTP status ${`${status} ${printable(statusText)}`.trim()}${said}`;
  const message =
    status === 404
      ? `no EntropyNet server has that path at ${where}: ${what}`
      : `the server at ${where} refused with ${what}`;
  return new NetworkError(isFull ? 'ResourceLimitExceeded' : 'HandshakeFailed', message);
}

/** What an error says, of whatever realm it is, without secrets and made printable. */
export function reasonOf(error: unknown): string {
  const message: unknown =
    typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : undefined;
  return redactText(typeof message === 'string' ? message : error);
}

/** What a probe answers where that is in the way. */
export function unavailable(error: NetworkError): TransportProbe {
  return { available: false, reason: error.message, error };
}

/** The code of an error of Node.js or of `ws`; empty where it has none. */
export function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}

function closeCodeMeaning(closeCode: number): NetworkErrorCode {
  switch (closeCode) {
    case CloseCode.ProtocolError:
    case CloseCode.UnsupportedData:
      return 'InvalidMessage';
    case CloseCode.TooLarge:
      return 'MessageTooLarge';
    case CloseCode.PolicyViolation:
      return 'HandshakeFailed';
    case CloseCode.TryAgainLater:
      return 'ResourceLimitExceeded';
    default:
      return 'ConnectionClosed';
  }
}
