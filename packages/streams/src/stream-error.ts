import { NetworkError, type NetworkErrorCode, printable } from '@entropynet/core';

/** The operation that failed, as in the errors of a socket. */
export type StreamSyscall = 'connect' | 'read' | 'write';

/**
 * The error of a stream. `code` is the code of a socket's error (`ECONNRESET`, `EPIPE`, `ECONNREFUSED` …), for
 * libraries that use sockets. `cause` is the error of EntropyNet.
 */
export class StreamError extends Error {
  /** Always `StreamError`. */
  override readonly name = 'StreamError';
  /** The code of a socket's error. */
  readonly code: string;
  /** The operation that failed. */
  readonly syscall: StreamSyscall;
  /** The code of `cause`. */
  readonly networkCode: NetworkErrorCode;
  /** The error of EntropyNet. */
  override readonly cause: NetworkError;

  /** Only streams call it. */
  constructor(cause: NetworkError, syscall: StreamSyscall) {
    const code = socketCodeOf(cause.code, syscall);
    super(`${syscall} ${code}: ${cause.message}`);
    this.code = code;
    this.syscall = syscall;
    this.networkCode = cause.code;
    this.cause = cause;
  }
}

/** Codes that do not depend on the operation. */
const SAME_EVERYWHERE: Readonly<Partial<Record<NetworkErrorCode, string>>> = {
  PeerDied: 'ECONNRESET',
  Timeout: 'ETIMEDOUT',
  InvalidMessage: 'EPROTO',
  IncompatibleVersion: 'EPROTO',
  HandshakeFailed: 'EPROTO',
  SharedMemoryPermission: 'EACCES',
  InvalidParameter: 'EINVAL',
};

function socketCodeOf(code: NetworkErrorCode, syscall: StreamSyscall): string {
  const same = SAME_EVERYWHERE[code];
  if (same !== undefined) return same;
  if (syscall === 'connect') return code === 'Aborted' ? 'ECONNABORTED' : 'ECONNREFUSED';
  return syscall === 'read' ? 'ECONNRESET' : 'EPIPE';
}

// Captured when the module is loaded, because a test framework may replace it.
const nextTick = process.nextTick.bind(process);

/**
 * Calls code of Node.js that may call the program's functions. Their exceptions belong to the process, as in each stream,
 * and end neither the connection's callback nor the steps that follow.
 */
export function callOut(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    throwUncaught(error);
  }
}

/** Passes the exception of a listener to the process, as an uncaught one, after the code that runs now. */
export function throwUncaught(error: unknown): void {
  nextTick(() => {
    throw error;
  });
}

/** Returns the error of a write whose stream was destroyed first, with the code of Node.js. */
export function destroyedError(): Error {
  return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
}

/** Returns the error of a stream whose connection said goodbye before the stream ended. */
export function endedEarly(): NetworkError {
  return new NetworkError('ConnectionClosed', 'the connection ended before the stream did');
}

/** The largest number of characters of a reason that is not an error. */
const MAX_REASON = 1000;

/**
 * Returns the reason as an error. An error of another realm counts too. Without a reason it returns an error without a
 * message.
 */
export function asError(reason: unknown): Error {
  const isError = typeof reason === 'object' && reason !== null && 'message' in reason && 'stack' in reason;
  if (isError) return reason as Error;
  return new Error(reason === undefined ? '' : printable(reason, MAX_REASON));
}
