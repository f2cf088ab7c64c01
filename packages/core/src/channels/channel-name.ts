import { kindOf } from '../result/kind-of.js';
import { printable } from '../result/printable.js';
import { err, OK, type Result } from '../result/result.js';

/** The longest channel name, in bytes of UTF-8. */
export const MAX_CHANNEL_NAME_BYTES = 255;

const encoder = new TextEncoder();

/** `InvalidParameter` unless the name is 1 to 255 bytes of well-formed text. Throws a `TypeError` for what is no text. */
export function checkChannelName(name: string): Result {
  if (typeof name !== 'string') throw new TypeError(`a channel name is a string; ${kindOf(name)} was given`);
  const length = encoder.encode(name).length;
  if (length < 1 || length > MAX_CHANNEL_NAME_BYTES) {
    return err(
      'InvalidParameter',
      `a channel name has 1 to ${MAX_CHANNEL_NAME_BYTES} bytes of UTF-8; ${length} were given`,
    );
  }
  if (/\p{Surrogate}/u.test(name)) {
    return err(
      'InvalidParameter',
      `channel name "${printable(name)}" is not well-formed text: it has a lone surrogate`,
    );
  }
  return OK;
}

/** A channel as errors may have it: the name may be a peer's, and command a terminal. */
export function shownChannel(name: string | undefined): string {
  return name === undefined ? 'the default channel' : `channel "${printable(name, MAX_CHANNEL_NAME_BYTES)}"`;
}
