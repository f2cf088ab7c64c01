import { kindOf, numberOrKind } from '../result/kind-of.js';
import { NetworkError } from '../result/network-error.js';
import { err, type Failure } from '../result/result.js';
import type { Channel } from './channel.js';
import { shownChannel } from './channel-name.js';

/*
 * The errors of channel operations. A function makes each one when it is needed, because an error holds the place where
 * it was made.
 */

/** The hot path returns it, so it is made once. */
export const WOULD_BLOCK = Object.freeze(
  err('WouldBlock', 'there is no room now; nothing was queued: wait for "drain"'),
);

export function notConnected(): Failure {
  return err('ConnectionClosed', 'the connection is not connected');
}

/** The error of a send on a channel that is not open. It never falls back to the default channel. */
export function channelNotOpen(name: string | undefined): Failure {
  if (typeof name !== 'string') throw new TypeError(`a channel name is a string; ${kindOf(name)} was given`);
  return err('InvalidParameter', `${shownChannel(name)} is not open: call openChannel first`);
}

/** The error of a send on a channel that is not open, on a connection that stands. */
export function channelUnusable(channel: Channel): Failure {
  return channel.isOver || channel.isClosing ? channelClosed(channel.name) : channelNotOpen(channel.name);
}

export function channelClosed(name: string | undefined): Failure {
  return err('ConnectionClosed', `${shownChannel(name)} was closed: open it again to send on it`);
}

export function messageTooLarge(length: number, limit: number): Failure {
  return err(
    'MessageTooLarge',
    `the message has ${length} bytes, the limit of this connection is ${limit} (maxMessageSize)`,
  );
}

/** The error of a connection whose program has transferred the memory of a message that it had committed. */
export function claimTransferred(): NetworkError {
  return new NetworkError(
    'InvalidParameter',
    'the memory of a claim was transferred after commit(), before all of its message was sent; copy the bytes instead',
  );
}

/** The error of a connection whose program has transferred the memory of a message that was valid for a callback only. */
export function borrowedTransferred(): NetworkError {
  return new NetworkError(
    'InvalidParameter',
    'the memory of a borrowed message was transferred after its callback, when the next message arrived in it; copy the bytes instead',
  );
}

export function queueTooLong(queuedBytes: number, limit: number): Failure {
  return err(
    'ResourceLimitExceeded',
    `${queuedBytes} bytes wait to be sent, the limit is ${limit} (sendQueueBytes): await send() before the next one`,
  );
}

export function sendAborted(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'the send was aborted before the message was accepted; it is not delivered', signal?.reason);
}

/**
 * The error of an open that was aborted. The channel still opens: the announcement goes to the peer as soon as there is
 * room.
 */
export function openNotAwaited(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'stopped waiting for the channel; it may still open', signal?.reason);
}

/** The error of a close that was aborted. The channel still closes. */
export function closeNotAwaited(signal: AbortSignal | undefined): Failure {
  return err('Aborted', 'stopped waiting for the channel to close; it closes all the same', signal?.reason);
}

export function defaultChannelStays(): Failure {
  return err('InvalidParameter', "the default channel can't be closed: it ends with its connection (disconnect())");
}

/** @param call the operation that got the length */
export function impossibleLength(call: string, length: unknown): Failure {
  return err('InvalidParameter', `${call} takes a whole number of bytes, 0 or more; ${numberOrKind(length)} was given`);
}

export function notAWriter(write: unknown): TypeError {
  return new TypeError(`trySendWith() takes a function; ${kindOf(write)} was given`);
}
