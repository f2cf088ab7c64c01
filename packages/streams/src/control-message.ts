import { NetworkError, printable, redactText } from '@entropynet/core';

/**
 * A stream's bytes are messages as they are. An empty message, which no bytes need, says that the next message is a
 * control message: its first byte is one of these.
 */
const Control = {
  /** No more bytes come in this direction. */
  End: 1,
  /** The sender gave the stream up; the rest is its reason in UTF-8. */
  Reset: 2,
} as const;

/** Characters of a reason, on either side. */
const MAX_REASON = 1000;

/** What stands before a control message. */
export const ESCAPE = new Uint8Array(0);

/** The control message that ends a direction. */
export const END = Uint8Array.of(Control.End);

/** The control message that gives a stream up. */
export function resetFor(error: Error | null): Uint8Array {
  // A program may destroy a stream with anything.
  const message: unknown = error?.message;
  const reason = Buffer.from(typeof message === 'string' ? redactText(message, MAX_REASON) : '');
  return Buffer.concat([Uint8Array.of(Control.Reset), reason]);
}

/** Undefined for the end of a direction; otherwise what the stream ends with: the peer's reset, or its broken protocol. */
export function errorOf(control: Uint8Array): NetworkError | undefined {
  if (control[0] === Control.End && control.length === 1) return undefined;
  if (control[0] === Control.Reset) {
    // The peer's words: they may be as long as a message, and may command a terminal.
    const reason = printable(Buffer.from(control.subarray(1)).toString(), MAX_REASON);
    return new NetworkError('Aborted', `the peer cancelled the stream${reason === '' ? '' : `: ${reason}`}`);
  }
  const given = `${control.length} bytes that begin with ${String(control[0])}`;
  return new NetworkError(
    'InvalidMessage',
    `a control message of a stream is 1 or 2 and a reason; the peer sent ${given}`,
  );
}
