import { type Admit, ok } from '@entropynet/core';

/** An `admit` with places for everybody, which counts them. */
export interface CountedAdmissions {
  readonly admit: Admit;
  /** How often it was asked. */
  asked: number;
  /** Places that were not given back. */
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
