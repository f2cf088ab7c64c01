import type { Channel } from './channel.js';
import type { UnconfirmedSends } from '../api/connection-types.js';

/*
 * How much of what was sent the peer has taken for certain, from the window that it gives back: that costs no message
 * anything, and no byte on the way. One mark at a time is set on a channel when window comes back; when all that was spent
 * by then has come back, what was sent before the mark is confirmed. So it lags by up to two windows.
 */

/** The peer gave back `bytes` of the channel's window, which has `window` bytes. */
export function noteCredit(channel: Channel, bytes: number, window: number): void {
  channel.returnedCredit += bytes;
  if (channel.markedCredit >= 0 && channel.returnedCredit >= channel.markedCredit) {
    channel.confirmedMessages = channel.markedMessages;
    channel.confirmedBytes = channel.markedBytes;
    channel.markedCredit = -1;
  }
  if (channel.markedCredit < 0) {
    channel.markedCredit = channel.returnedCredit + window - channel.credit;
    channel.markedMessages = channel.messagesSent;
    channel.markedBytes = channel.bytesSent;
  }
}

/** @param promised what counts as sent for its sender, but not yet for its channel */
export function unconfirmedOf(channels: readonly Channel[], promised: UnconfirmedSends): UnconfirmedSends {
  let { messages, bytes } = promised;
  for (const channel of channels) {
    messages += channel.messagesSent - channel.confirmedMessages;
    bytes += channel.bytesSent - channel.confirmedBytes;
  }
  return Object.freeze({ messages, bytes });
}
