import { type Admit, err, ok } from '@entropynet/core';

/** An `admit` that counts the places in use. */
export interface CountedAdmissions {
  readonly admit: Admit;
  /** The number of calls. */
  asked: number;
  /** The number of places in use. */
  taken: number;
}

/** @param most the number of places */
export function counted(most = Infinity): CountedAdmissions {
  const count: CountedAdmissions = {
    asked: 0,
    taken: 0,
    admit: () => {
      count.asked += 1;
      if (count.taken >= most) return err('ResourceLimitExceeded', 'all places are taken');
      count.taken += 1;
      return ok({ release: () => (count.taken -= 1) });
    },
  };
  return count;
}
