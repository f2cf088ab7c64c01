import { type Admit, ok } from '@entropynet/core';

/** An `admit` that always has a place, and counts the places. */
export interface CountedAdmissions {
  readonly admit: Admit;
  /** The number of calls. */
  asked: number;
  /** The number of places in use. */
  taken: number;
}

export function counted(): CountedAdmissions {
  const count: CountedAdmissions = {
    asked: 0,
    taken: 0,
    admit: () => {
      count.asked += 1;
      count.taken += 1;
      return ok({ release: () => (count.taken -= 1) });
    },
  };
  return count;
}
