/** The phase of a transfer: this side reads the present bytes, the other side does, or the file's bytes are sent. */
export type TransferPhase = 'checking' | 'other side checking' | 'moving';

/** The progress of a transfer. */
export interface TransferProgress {
  /** The name of the file on the receiving side. */
  readonly name: string;
  /** The present phase. */
  readonly phase: TransferPhase;
  /** The finished bytes of the phase. */
  readonly done: number;
  /** The total bytes of the phase. */
  readonly total: number;
  /** The bytes that existed when the phase began. */
  readonly from: number;
}

/**
 * Gets the progress of a transfer, often. The first call of a phase comes at its beginning. An exception ends the
 * transfer. A promise is not awaited, and its rejection has no effect.
 */
export type OnTransferProgress = (progress: TransferProgress) => unknown;
