/** The events of a reader, for its connection. */
export interface RingReaderEvents {
  /** The producer asked for a report that there is room. */
  onRoom(): void;
  /** The producer's position or a frame's length is impossible. */
  onCorrupted(reason: string): void;
}

/** The events of a writer, for its connection. */
export interface RingWriterEvents {
  /** The consumer has declared that it sleeps, and how. The receiver of the event must wake it. */
  onWake(declaration: number): void;
  /** The consumer's position is impossible. */
  onCorrupted(reason: string): void;
  /** The frame that `reportNextFrame()` asked for is being written. */
  readonly onFrame?: () => void;
  /** Code of this process detached the ring's memory, so an access threw `error`. Without a handler, it is thrown on. */
  onDetached?(error: unknown): void;
}
