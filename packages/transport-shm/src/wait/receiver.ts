import type { RingWriter } from '../ring/ring-writer.js';
import type { WaitStrategy } from './wait-strategy.js';

/** One end of a region, which the loop runs. */
export interface Receiver {
  readonly strategy: WaitStrategy;
  /** The end of the ring that its side writes. */
  readonly writer: Pick<RingWriter, 'hasWrittenMore' | 'prepareFrame'>;
  /** The length of a polling window, in microseconds. */
  readonly pollMicroseconds: number;
  /** Whether it keeps the process alive. */
  readonly isReferenced: boolean;
  /** A hint whether there is work. It may be late. One or two loads. */
  readonly seemsToHaveWork: boolean;
  /** Does at most `limit` pieces of work and returns their number. A frame is one piece, and so is a report of room. */
  work(limit: number): number;
  /** Declares that it is awake, and joins the loop; `isUrgent`: the loop runs it at once. */
  wakeUp(isUrgent: boolean): void;
  /** Declares that it sleeps, then looks for work again. Returns false, and stays awake, if work came in between. */
  trySleep(): boolean;
  /** Ends the receiver, because one of the members above threw `error`. The loop has removed it. */
  fail(error: unknown): void;
}
