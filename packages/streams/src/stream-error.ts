import { NetworkError, type NetworkErrorCode } from '@entropynet/core';

/** What the stream did when it failed, as in the errors of a socket. */
export type StreamSyscall = 'connect' | 'read' | 'write';

/**
 * The error of a stream. Libraries that were written for sockets look at `code`, which means what it means there
 * (`ECONNRESET`, `EPIPE`, `ECONNREFUSED` …). `cause` is EntropyNet's own error, unchanged.
 */
export class StreamError extends Error {
  /** Always `StreamError`. */
  override readonly name = 'StreamError';
  /** The code that a socket would give. */
  readonly code: string;
  /** What the stream did when it failed. */
  readonly syscall: StreamSyscall;
  /** The code of `cause`. */
  readonly networkCode: NetworkErrorCode;
  /** EntropyNet's own error. */
  override readonly cause: NetworkError;

  /** Made by a stream. */
  constructor(cause: NetworkError, syscall: StreamSyscall) {
    const code = socketCodeOf(cause.code, syscall);
    super(`${syscall} ${code}: ${cause.message}`);
    this.code = code;
    this.syscall = syscall;
    this.networkCode = cause.code;
    this.cause = cause;
  }
}

/** Codes that say the same whatever the stream did. */
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

/** What a write gets whose stream was destroyed before the transport took it; the code is that of Node.js. */
export function destroyedError(): Error {
  return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
}

/** Why a stream fails whose connection ended with a goodbye before the stream did. */
export function endedEarly(): NetworkError {
  return new NetworkError('ConnectionClosed', 'the connection ended before the stream did');
}
