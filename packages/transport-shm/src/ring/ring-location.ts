/** Where a ring and its words are: indices of the region's words, and bytes. */
export interface RingLocation {
  readonly words: Int32Array;
  /** From the first byte of its buffer on. */
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
   * Only where the words and bytes are a copy: carries over what changed and wakes the peer where it must be. A ring then
   * leaves the peer's declarations to it.
   */
  readonly exchange?: (() => void) | undefined;
}
