import { kindOf } from '../result/kind-of.js';
import { printable } from '../result/printable.js';
import { err, OK, type Result } from '../result/result.js';
import { utf8Length } from '../result/utf8-length.js';

/** The longest channel name, in bytes of UTF-8. */
export const MAX_CHANNEL_NAME_BYTES = 255;

/**
 * Returns `InvalidParameter` unless the name is 1 to 255 bytes of well-formed UTF-8. Throws a `TypeError` unless it is
 * a string.
 */
export function checkChannelName(name: string): Result {
  if (typeof name !== 'string') throw new TypeError(`a channel name is a string; ${kindOf(name)} was given`);
  const length = utf8Length(name);
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

/** Returns the channel's name for an error. A peer may have chosen the name, so the function makes it printable. */
export function shownChannel(name: string | undefined): string {
  return name === undefined ? 'the default channel' : `channel "${printable(name, MAX_CHANNEL_NAME_BYTES)}"`;
}
