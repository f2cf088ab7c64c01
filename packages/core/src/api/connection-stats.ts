import type { ConnectionStats } from './connection-types.js';
import type { MessageReceiver } from '../channels/message-receiver.js';
import type { MessageSender } from '../channels/message-sender.js';

/** Returns a frozen snapshot of the counters of both halves of a connection. */
export function statsOf(sender: MessageSender, receiver: MessageReceiver): ConnectionStats {
  const { bytesSent, messagesSent } = sender.sent();
  const { bytesReceived, messagesReceived, startTime: connectTime } = receiver;
  const lastActivityTime = Math.max(sender.lastActivityTime, receiver.lastActivityTime);
  return Object.freeze({ bytesSent, bytesReceived, messagesSent, messagesReceived, connectTime, lastActivityTime });
}
