import type { Result } from '../result/result.js';

/**
 * Room for one message inside the transport, to be filled in place. Until `commit()` or `abort()` nothing else is sent
 * on the connection: sends wait and `trySend` gives `WouldBlock`.
 */
export interface SendClaim {
  /**
   * Where the message is written. Owned by the connection: not to be touched after `commit()` or `abort()`. What it
   * holds at first is unspecified, so every byte is to be written.
   */
  readonly bytes: Uint8Array;

  /**
   * Sends what `bytes` holds. `ConnectionClosed`: the connection ended first; `InvalidParameter`: already used, or the memory
   * of `bytes` was transferred.
   */
  commit(): Result;

  /** Gives the room back; nothing is sent. A second call, or one after `commit()`, does nothing. */
  abort(): void;
}
