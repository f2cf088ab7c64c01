import { NetworkError, printable, redactText } from '@entropynet/core';

/**
 * A stream's bytes travel as messages without a header. An empty message, which no bytes need, announces that the next
 * message is a control message. The first byte of that is one of these.
 */
const Control = {
  /** No more bytes follow in this direction. */
  End: 1,
  /** The sender aborted the stream. The rest is the reason in UTF-8. */
  Reset: 2,
} as const;

/** The largest number of characters of a reason, on either side. */
const MAX_REASON = 1000;

/** The message before a control message. */
export const ESCAPE = new Uint8Array(0);

/** The control message that ends a direction. */
export const END = Uint8Array.of(Control.End);

/** Returns the control message that aborts a stream. */
export function resetFor(error: Error | null): Uint8Array {
  // A program may destroy a stream with any value.
  const message: unknown = error?.message;
  const reason = Buffer.from(typeof message === 'string' ? redactText(message, MAX_REASON) : '');
  return Buffer.concat([Uint8Array.of(Control.Reset), reason]);
}

/**
 * Returns undefined for the end of a direction, otherwise the error for the stream: the peer's abort, or a protocol
 * error.
 */
export function errorOf(control: Uint8Array): NetworkError | undefined {
  if (control[0] === Control.End && control.length === 1) return undefined;
  if (control[0] === Control.Reset) {
    // The peer chose the text: it may be as long as a message, and may contain terminal commands.
    const reason = printable(Buffer.from(control.subarray(1)).toString(), MAX_REASON);
    return new NetworkError('Aborted', `the peer cancelled the stream${reason === '' ? '' : `: ${reason}`}`);
  }
  const given = `${control.length} bytes that begin with ${String(control[0])}`;
  return new NetworkError(
    'InvalidMessage',
    `a control message of a stream is 1 or 2 and a reason; the peer sent ${given}`,
  );
}
