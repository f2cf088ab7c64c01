import type { NetworkError } from '@entropynet/core';

/** The events of a frame writer, for its link. */
export interface FrameWriterEvents {
  /** After a refusal, fewer than half of the allowed bytes wait. */
  onWritable(): void;
  /** There is no memory for a frame: the link must end. */
  onShortage(error: NetworkError): void;
}
