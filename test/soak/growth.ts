const MIB = 1024 * 1024;

/** The resources of a process at one moment. */
export interface Sample {
  /** Resident memory, and the used heap after a collection, in bytes. */
  readonly resident: number;
  readonly heap: number;
  /** The number of open descriptors; 0 if the system does not report it. */
  readonly descriptors: number;
}

/** Memory and descriptors of a process that lived all the time: the end against the middle. */
export function growthOf(who: string, history: readonly Sample[]): string[] {
  const complaints: string[] = [];
  for (const [what, slack] of [
    ['resident', 32 * MIB],
    ['heap', 12 * MIB],
  ] as const) {
    const { early, late } = mediansOf(history, what);
    if (late > early * 1.25 + slack) complaints.push(`${who} grew from ${mib(early)} to ${mib(late)} (${what})`);
  }
  const last = history.at(-1)?.descriptors ?? 0;
  const least = Math.min(...history.map(({ descriptors }) => descriptors));
  if (last > least + 8) complaints.push(`${who} ended with ${last} descriptors, and once had ${least}`);
  return complaints;
}

/** The same for people, of a process that did not grow, too. */
export function describeGrowth(who: string, history: readonly Sample[]): string {
  const resident = mediansOf(history, 'resident');
  const heap = mediansOf(history, 'heap');
  return (
    `${who}: ${mib(resident.early)} resident early, ${mib(resident.late)} late; heap ${mib(heap.early)} early, ` +
    `${mib(heap.late)} late; ${history.at(-1)?.descriptors ?? 0} descriptors at the end`
  );
}

function mediansOf(history: readonly Sample[], what: 'resident' | 'heap'): { early: number; late: number } {
  const part = (from: number, to: number): number => {
    const values = history.slice(Math.floor(history.length * from), Math.ceil(history.length * to));
    return values.map((each) => each[what]).sort((a, b) => a - b)[values.length >> 1] ?? 0;
  };
  return { early: part(0.25, 0.45), late: part(0.8, 1) };
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}
