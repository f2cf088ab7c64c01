/** What is known of an object's class at run time. */
export interface TypeInfo {
  /** The class's name, as `className()` gives it. */
  readonly name: string;
  /** The class's stable 64-bit identity, as `classHash()` gives it. */
  readonly hash: bigint;
  /** The names of the classes it extends, nearest first, ending with `EntropyObject`. */
  readonly bases: readonly string[];
}
