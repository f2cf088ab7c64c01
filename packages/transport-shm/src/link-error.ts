import { NetworkError } from '@entropynet/core';
import { messageOf } from './native-binding.js';
import { describeSystemError, isShortage } from './system-failures.js';

/** What V8 says where it finds no memory for an `ArrayBuffer`; its class alone also stands for mistakes of a program. */
const NO_MEMORY = 'Array buffer allocation failed';

/**
 * Why a connection ends whose own work threw.
 * @param isDetached whether the region's memory was taken away: then that is the reason, whatever an access to it said
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
  if (messageOf(error) === NO_MEMORY) {
    return new NetworkError(
      'ResourceLimitExceeded',
      'there is no memory for a message: choose a smaller maxMessageSize, or give the process more memory',
      error,
    );
  }
  const code = isShortage(error) ? 'ResourceLimitExceeded' : 'SharedMemoryNotAvailable';
  return new NetworkError(code, `the connection can't go on: ${describeSystemError(error)}`, error);
}
