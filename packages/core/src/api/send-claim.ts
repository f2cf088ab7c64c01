import type { Result } from '../result/result.js';

/**
 * Room for one message in the transport's buffer. The program writes the message there. Until `commit()` or `abort()`
 * the connection sends nothing else: a `send` waits, and a `trySend` returns `WouldBlock`. End each claim: without that, a
 * `disconnect()` may lose accepted messages, which wait for its end up to `sendTimeoutMs`.
 */
export interface SendClaim {
  /**
   * The memory for the message. The connection owns it: do not use it after `commit()` or `abort()`. It contains old
   * bytes, so write every byte.
   */
  readonly bytes: Uint8Array;

  /**
   * Sends the message in `bytes`. `ConnectionClosed`: the connection ended first, or the peer refused the channel.
   * `InvalidParameter`: the claim was already used, or the program has transferred the memory of `bytes`.
   */
  commit(): Result;

  /** Discards the message and frees the room. A second call, or one after `commit()`, has no effect. */
  abort(): void;
}
