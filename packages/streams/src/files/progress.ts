/** What a transfer is doing: reading what is there, waiting while the other side does, or moving the file's bytes. */
export type TransferPhase = 'checking' | 'other side checking' | 'moving';

/** How far a transfer is. */
export interface TransferProgress {
  /** What the file is called on the receiving side. */
  readonly name: string;
  /** What the transfer is doing. */
  readonly phase: TransferPhase;
  /** Bytes of the phase that are done. */
  readonly done: number;
  /** Bytes of the phase. */
  readonly total: number;
  /** Bytes that were there when the phase began. */
  readonly from: number;
}

/** Hears how far a transfer is, often; the first call of a phase comes at its beginning. What it throws ends the transfer. */
export type OnTransferProgress = (progress: TransferProgress) => void;
