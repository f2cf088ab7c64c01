import { NetworkError } from '@entropynet/core';
import { isSystemError } from './native-binding.js';
import { describeSystemError, isShortage } from './system-failures.js';

/**
 * Returns the error of a connection whose own code threw.
 * @param isDetached whether the region's memory was transferred: then that is the reason, and not the error of an
 * access
 */
export function linkError(error: unknown, isDetached: boolean): NetworkError {
  if (error instanceof NetworkError) return error;
  if (isDetached) {
    return new NetworkError(
      'SharedMemoryNotAvailable',
      'the region was detached: this process transferred the buffer of a borrowed message or of a claim; copy the bytes before you transfer them',
      error,
    );
  }
  // The peer passed a descriptor through its doorbell.
  if (isSystemError(error) && error.code === 'EPROTO') {
    return new NetworkError('InvalidMessage', `the peer broke the protocol: ${error.message}`, error);
  }
  const code = isShortage(error) ? 'ResourceLimitExceeded' : 'SharedMemoryNotAvailable';
  return new NetworkError(code, `the connection can't go on: ${describeSystemError(error)}`, error);
}
