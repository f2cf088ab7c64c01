/** A description of an object's class. */
export interface TypeInfo {
  /** The class's name, as in `className()`. */
  readonly name: string;
  /** The stable 64-bit hash of the name, as in `classHash()`. */
  readonly hash: bigint;
  /** The names of the classes it extends, nearest first, ending with `EntropyObject`. */
  readonly bases: readonly string[];
}
