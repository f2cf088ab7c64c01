import type { Measurement } from '../measurement.js';
import type { Session } from '../session.js';
import type { Subject } from '../subject.js';

/** Something that is done with a subject whose peer runs. */
export interface Workload {
  /** For `--only`. */
  readonly name: string;
  /** Whether it is part of `--quick`. */
  readonly isQuick: boolean;
  /** Whether only the subjects that name it go through it. */
  readonly isSpecial?: boolean;
  /** Whether the subject has what it takes. */
  applies?(subject: Subject, session: Session): boolean;
  run(session: Session): Promise<Measurement[]>;
}
