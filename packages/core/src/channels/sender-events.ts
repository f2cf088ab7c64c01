import type { Channel, OutgoingHalf } from './channel.js';

/** The limits of the configuration for the sender. */
export interface SenderLimits {
  readonly maxMessageSize: number;
  readonly sendTimeoutMs: number;
  readonly sendQueueBytes: number;
  readonly maxChannels: number;
}

/** The events of a sender, for its connection. */
export interface SenderEvents {
  /** One side opened the channel. Runs no user code. */
  readonly onOpened: (channel: Channel) => void;
  /** A sender that got a refusal may send again. Runs user code. */
  readonly onDrain: (channel: Channel) => void;
  /** A message of `length` bytes was refused for now, or is the first that has to wait. Runs user code. */
  readonly onBackpressure: (channel: Channel, length: number) => void;
  /**
   * A message whose sender was promised delivery can't be sent whole. Ends the connection, and returns false, because
   * nothing was written.
   */
  readonly onLost: () => false;
}

/** The events of a queue, for its sender. */
export interface QueueEvents {
  /**
   * A sender that got a refusal may send again. Runs user code, so no state is half-changed when the queue calls it.
   */
  readonly onDrain: (channel: Channel) => void;
  /** The transport took a queued message whole. */
  readonly onSent: (half: OutgoingHalf, length: number) => void;
  readonly onLost: SenderEvents['onLost'];
}
