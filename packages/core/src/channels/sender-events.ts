import type { Channel, OutgoingHalf } from './channel.js';

/** What the sender needs to know of the configuration. */
export interface SenderLimits {
  readonly maxMessageSize: number;
  readonly sendTimeoutMs: number;
  readonly sendQueueBytes: number;
  readonly maxChannels: number;
}

/** What a sender tells its connection. */
export interface SenderEvents {
  /** A sender that was refused may go on; runs user code. */
  readonly onDrain: (channel: Channel) => void;
  /** A message of `length` bytes was refused for now, or is the first that has to wait. */
  readonly onBackpressure: (channel: Channel, length: number) => void;
}

/** What the queue tells its sender. */
export interface QueueEvents {
  /** A sender that was refused may go on. Runs user code, so no state is half-changed when it is called. */
  readonly onDrain: (channel: Channel) => void;
  /** The transport took a queued message whole. */
  readonly onSent: (half: OutgoingHalf, length: number) => void;
}
