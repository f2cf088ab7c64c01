import {
  NetworkError,
  type NetworkErrorCode,
  printable,
  redactText,
  shortageOf,
  type TransportProbe,
} from '@entropynet/core';
import { formatHostPort, type WebSocketAddress } from './web-socket-address.js';
import { CloseCode, protocolCodeOf } from './web-socket-protocol.js';

/** The errors of the operating system that mean that the address can't be reached. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at',
  ENOTFOUND: 'no such host:',
  EAI_AGAIN: "the host name can't be resolved now:",
  EHOSTUNREACH: 'there is no route to',
  EHOSTDOWN: 'the host is down:',
  ENETUNREACH: 'there is no network to',
  EADDRNOTAVAIL: 'not an address that can be reached from here:',
};

/** The errors of the operating system that mean that the peer has gone. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** Returns the error of a failed connection to `address`, from an error of a socket, of TLS, of HTTP or of `ws`. */
export function connectErrorOf(error: unknown, address: WebSocketAddress): NetworkError {
  const code = codeOf(error);
  const where = formatHostPort(address.host, address.port);
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined) {
    return new NetworkError('TransportUnavailable', `${unreachable} ${where} (${code})`, error);
  }
  if (code === 'ETIMEDOUT') return new NetworkError('Timeout', `${where} does not answer (${code})`, error);
  if (GONE.has(code)) {
    // Node.js ends a client's connection if the server has no descriptor for it, and tells the server nothing.
    const reason = `the server at ${where} went away during the handshake (${code}), or it has no file descriptor left`;
    return new NetworkError('PeerDied', reason, error);
  }
  const shortage = shortageOf(error);
  if (shortage !== undefined) {
    return new NetworkError('ResourceLimitExceeded', `no WebSocket connection to ${where}: ${shortage}`, error);
  }
  const reason = reasonOf(error);
  const suffix = code === '' ? '' : ` (${code})`;
  return new NetworkError('HandshakeFailed', `no WebSocket connection to ${where}: ${reason}${suffix}`, error);
}

/** Returns the error of a server that can't listen at `where`. */
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
  const shortage = shortageOf(error);
  if (shortage !== undefined) {
    return new NetworkError('ResourceLimitExceeded', `can't listen at ${where}: ${shortage}`, error);
  }
  const reason = reasonOf(error);
  return new NetworkError('TransportUnavailable', `can't listen at ${where}: ${reason}`, error);
}

/** Returns the error for a close frame of the peer; undefined for a goodbye. */
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

/** Returns the error for an invalid frame that `ws` found. */
export function receiveErrorOf(error: Error): NetworkError {
  const code = codeOf(error);
  return new NetworkError('InvalidMessage', `the peer broke the protocol: ${error.message} (${code})`, error);
}

/** The answer of an HTTP server that refuses the upgrade. */
export interface HttpRefusal {
  readonly status: number;
  readonly statusText: string;
  /** The body of the answer, or the beginning of it. */
  readonly body: string;
}

/** Returns the error for an HTTP server's refusal. It contains the server's text, made printable. */
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

/** Returns the message of an error of any realm, without secrets and made printable. */
export function reasonOf(error: unknown): string {
  const message: unknown =
    typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : undefined;
  return redactText(typeof message === 'string' ? message : error);
}

/** Returns the result of a probe that found this error. */
export function unavailable(error: NetworkError): TransportProbe {
  return { available: false, reason: error.message, error };
}

/** Returns the code of an error of Node.js or of `ws`; empty if it has none. */
export function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}

function closeCodeMeaning(closeCode: number): NetworkErrorCode {
  switch (closeCode) {
    case CloseCode.ProtocolError:
    case CloseCode.UnsupportedData:
    case CloseCode.InvalidText:
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
