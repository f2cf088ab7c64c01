/** What a transfer is doing: reading what is there, waiting while the other side does, or moving the file's bytes. */
export type TransferPhase = 'checking' | 'other side checking' | 'moving';

/** Hears how far a transfer is. */
export interface TransferView {
  /** `done` of `total` bytes; `from` of them were there when the phase began. The first call of a phase comes at its beginning. */
  show(phase: TransferPhase, done: number, total: number, from?: number): void;
}
