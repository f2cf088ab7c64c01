import type { Failure } from '../result/result.js';
import type { OutgoingHalf } from './channel.js';
import { QueuedMessage } from './message-line.js';
import type { SendQueue } from './send-queue.js';

/**
 * Starts a message that needs fragments. Sends those that can go at once, and copies the rest into the queue. Returns
 * false if none could go, or if the link broke: `isCurrent` then returns false. The error: there was no memory for the
 * rest, and the message was given up.
 */
export function startLongMessage(
  queue: SendQueue,
  half: OutgoingHalf,
  data: Uint8Array,
  isCurrent: () => boolean,
): 'sent' | 'waiting' | false | Failure {
  const message = QueuedMessage.promised(data);
  if (!queue.sendFrame(half, message)) return false;
  while (message.offset < message.end && queue.sendFrame(half, message)) {
    // Each turn sends one fragment.
  }
  // A broken link has ended all messages. The rest must not wait for the next link.
  if (!isCurrent()) return false;
  if (message.offset === message.end) return 'sent';
  const rest = queue.memory.copy(data, message.offset);
  if (!rest.ok) {
    queue.breakOff(half);
    return rest;
  }
  message.moveTo(rest.value, queue.memory);
  queue.add(half, message);
  return 'waiting';
}
