import { err, OK, type Result } from '../result/result.js';
import { lengthOf } from '../platform/array-methods.js';
import { monotonicNow } from '../platform/clock.js';
import type { OutgoingHalf } from './channel.js';
import { QueuedMessage, type SendOutcome } from './message-line.js';
import { channelClosed, sendAborted } from './refusals.js';
import type { SendQueue } from './send-queue.js';

/** Puts a message into the queue. Resolves when the transport has taken it whole, or with the reason why it did not. */
export function waitInQueue(
  queue: SendQueue,
  half: OutgoingHalf,
  data: Uint8Array,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Result> {
  return new Promise((resolve) => {
    const onAbort = (): void => {
      queue.cancel(half, message);
    };
    const settle = (outcome: SendOutcome): void => {
      // A signal that fired has removed the listener itself. Removing it again takes time in proportion to the list.
      if (outcome !== 'aborted') signal?.removeEventListener('abort', onAbort);
      resolve(resultOf(outcome, half, timeoutMs, signal));
    };
    // The queue gets a copy, so that the caller may reuse its buffer at once.
    const copy = queue.memory.copy(data, 0);
    if (!copy.ok) {
      resolve(copy);
      return;
    }
    const message = new QueuedMessage(copy.value, queue.memory, lengthOf(data), monotonicNow() + timeoutMs, settle);
    signal?.addEventListener('abort', onAbort, { once: true });
    queue.add(half, message);
    queue.pump();
  });
}

function resultOf(
  outcome: SendOutcome,
  half: OutgoingHalf,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Result {
  switch (outcome) {
    case 'accepted':
      return OK;
    case 'aborted':
      return sendAborted(signal);
    case 'timed-out':
      return err('Timeout', `the message was not accepted within ${timeoutMs} ms (sendTimeoutMs); it is not delivered`);
    case 'channel-closed':
      return channelClosed(half.channel.name);
    case 'peer-died':
      return err('PeerDied', 'the peer died before it could take the message');
    case 'closed':
      return err('ConnectionClosed', 'the connection ended before the message could be sent');
  }
}
