import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, type Result, shortageOf } from '@entropynet/core';
import { CommandFailure } from './command-failure.js';
import { reasonOf } from './paths.js';

/** The channels of `send` and `receive`. They are those of the first release. */
export const TRANSFER_CHANNELS = { channel: CHANNEL_ASSET_UPLOAD, controlChannel: CHANNEL_CONTROL } as const;

/**
 * Returns the result of a transfer, or throws the sentence of a failure as a `CommandFailure`. The system's own errors
 * name no place, so the sentence names the folder or file of this side. An error about a shortage names it already.
 */
export function transferred<T>(result: Result<T>, place: string): T {
  if (result.ok) return result.value;
  const { message, cause } = result.error;
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  // Codes of the system; those of EntropyNet's own errors have small letters.
  const isOfSystem = typeof code === 'string' && /^E[A-Z]+$/.test(code);
  throw new CommandFailure(
    isOfSystem && shortageOf(cause) === undefined ? `${message}; ${place}: ${reasonOf(cause)}` : message,
  );
}
