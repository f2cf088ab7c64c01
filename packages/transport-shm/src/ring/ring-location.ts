/** The position of a ring and its words: indices of the region's words, and byte offsets. */
export interface RingLocation {
  readonly words: Int32Array;
  /** The whole buffer, from its first byte on. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly capacity: number;
  /** Written by the producer. */
  readonly tail: number;
  /** Written by the consumer. */
  readonly head: number;
  /** The consumer's declaration that it sleeps. */
  readonly consumerSleep: number;
  /** The producer's declaration that it needs room. */
  readonly producerWaits: number;
  /**
   * Only for a copy of the region: copies the changes of both sides, and wakes the peer if necessary. A ring on a copy
   * does not read the peer's declarations itself.
   */
  readonly exchange?: (() => void) | undefined;
}
