import { NetworkError, type NetworkErrorCode, redactText, shortageOf } from '@entropynet/core';

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

/** Returns the error of a failed NATS connection, from the error of `@nats-io`. */
export function dialErrorOf(error: unknown, where: string): NetworkError {
  for (const each of [error, causeOf(error)]) {
    const code = textOf(each, 'code');
    const unreachable = UNREACHABLE[code];
    if (unreachable !== undefined)
      return new NetworkError(
        'TransportUnavailable',
        `${unreachable} ${where} (${code}); is a NATS server there?`,
        error,
      );
    const shortage = shortageOf(each);
    if (shortage !== undefined)
      return new NetworkError('ResourceLimitExceeded', `no NATS connection to ${where}: ${shortage}`, error);
  }
  const reason = reasonOf(error);
  switch (textOf(error, 'name')) {
    case 'AuthorizationError':
    case 'UserAuthenticationExpiredError':
      return new NetworkError(
        'HandshakeFailed',
        `the NATS server at ${where} refused the credentials: ${reason}`,
        error,
      );
    case 'TimeoutError':
      return new NetworkError(
        'Timeout',
        `the NATS server at ${where} does not answer in time (connectTimeoutMs)`,
        error,
      );
    case 'InvalidArgumentError':
      return new NetworkError('HandshakeFailed', `no NATS connection to ${where}: ${reason}`, error);
    default: {
      const isTls = /tls|certificate|ssl/i.test(`${reason} ${textOf(error, 'code')}`);
      const code: NetworkErrorCode = isTls ? 'HandshakeFailed' : 'TransportUnavailable';
      return new NetworkError(code, `no NATS connection to ${where}: ${reason}`, error);
    }
  }
}

/** The state of a broken NATS connection. Only one of the program can be interrupted: it may reconnect by itself. */
export type Break = 'interrupted' | 'ended';

/** Returns the error of a side that needs a NATS connection which is broken. */
export function brokenError(how: Break, where: string): NetworkError {
  return new NetworkError('TransportUnavailable', brokenSentence(how, where));
}

/** Returns the error of the connections that end when their NATS connection breaks. */
export function brokenErrorOf(how: Break, error: unknown, where: string): NetworkError {
  const reason = isNothing(error) ? '' : `: ${reasonOf(error)}`;
  return new NetworkError(
    'TransportUnavailable',
    `${brokenSentence(how, where)}${reason}; unconfirmedSends() counts the messages that may not have arrived`,
    error,
  );
}

function brokenSentence(how: Break, where: string): string {
  return `the NATS connection to ${where} ${how === 'ended' ? 'ended' : 'is interrupted'}`;
}

/** Returns the error of a side that can't publish or subscribe; `error` is that of `@nats-io`. */
export function unpublishedError(error: unknown, where: string): NetworkError {
  if (textOf(error, 'name') === 'InvalidArgumentError') return tooLongError(where, error);
  const reason = `the NATS connection to ${where} takes no message: ${reasonOf(error)}`;
  return new NetworkError('TransportUnavailable', reason, error);
}

/** Returns the error of a link whose messages are longer than the NATS server accepts by now. */
export function tooLongError(where: string, cause?: unknown): NetworkError {
  const reason = `the NATS server at ${where} takes no message of this length: its max_payload was lowered`;
  return new NetworkError('TransportUnavailable', reason, cause);
}

/** Returns the error for a NATS server that does not answer. */
export function silenceOf(timeoutMs: number): NetworkError {
  return new NetworkError('Timeout', `no answer within ${timeoutMs} ms (nats.heartbeat.timeoutMs)`);
}

/** Returns the error for a subject that the NATS server refuses. Its sentence names the permission. */
export function permissionErrorOf(operation: string, subject: string, cause: unknown): NetworkError {
  return new NetworkError(
    'HandshakeFailed',
    `the NATS server does not permit ${operation === 'publish' ? 'publishing to' : 'subscribing to'} '${subject}': give this user that permission`,
    cause,
  );
}

/** Returns the message of an error of any realm, without secrets and made printable. */
export function reasonOf(error: unknown): string {
  const message = textOf(error, 'message');
  return redactText(message === '' ? error : message);
}

function isNothing(error: unknown): boolean {
  return error === undefined || error === null;
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? (error as { cause?: unknown }).cause : undefined;
}

function textOf(error: unknown, key: 'code' | 'message' | 'name'): string {
  const value: unknown =
    typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' ? value : '';
}
