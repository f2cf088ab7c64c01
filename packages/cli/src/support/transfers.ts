import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, type Result } from '@entropynet/core';
import { CommandFailure } from './command-failure.js';

/** The channels of `send` and `receive`. They are those of the first release. */
export const TRANSFER_CHANNELS = { channel: CHANNEL_ASSET_UPLOAD, controlChannel: CHANNEL_CONTROL } as const;

/** Returns the result of a transfer, or throws the sentence of a failure as a `CommandFailure`. */
export function transferred<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new CommandFailure(result.error.message);
}
