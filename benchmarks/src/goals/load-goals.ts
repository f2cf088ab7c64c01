import { CIRCUMSTANCES, figureOfPairs } from '../pairs.js';
import { RELAYED } from '../relay.js';
import { nameWithMemoryKept } from '../subjects/memory-kept.js';
import { type Goal, goal } from './goal.js';
import type { Measured } from './measured.js';
import { ASLEEP, OWNED, ZERO_COPY } from './names.js';

/** The subjects whose control messages travel beside an upload. */
const UPLOADING = [
  ['owned', OWNED],
  ['owned, memory kept', nameWithMemoryKept(OWNED)],
  ['claim+borrow', ZERO_COPY],
] as const;

/** Returns the goals of shared memory that is busy, or that has many connections. */
export function loadGoals(measured: Measured): Goal[] {
  const manyConnections = (statistic: string) => measured.of(OWNED, '1000 connections', statistic);
  return [
    ...UPLOADING.map(([name, subject]) =>
      goal(
        `control round trip p99 under upload, ${name}, ms`,
        'at most',
        1,
        measured.of(subject, 'control round trip under upload', 'p99'),
        1000,
      ),
    ),
    ...CIRCUMSTANCES.flatMap((circumstances) => {
      const figure = figureOfPairs(circumstances);
      const worst = measured.of(OWNED, figure, 'worst pair');
      return [
        goal(`${figure}, worst / median`, 'at most', 1.5, worst, measured.of(OWNED, figure, 'median pair')),
        goal(
          `${figure}, worst / median that sleeps`,
          'at most',
          1.1,
          worst,
          measured.of(ASLEEP, figure, 'median pair'),
        ),
      ];
    }),
    goal(
      `${RELAYED}, p50, adaptive / sleep`,
      'at most',
      0.25,
      measured.of(OWNED, RELAYED, 'p50'),
      measured.of(ASLEEP, RELAYED, 'p50'),
    ),
    goal('timer delay p99 under flood, ms', 'at most', 1, measured.of(OWNED, 'timer delay under flood', 'p99'), 1),
    goal('idle processor time with 1000 connections, %', 'at most', 0.3, manyConnections('idle processor time'), 1),
    goal('resident memory a connection, of 1000, KiB', 'at most', 96, manyConnections('resident memory each'), 1024),
    goal(
      'rate of one among 1000 connections / of a single one',
      'at least',
      0.95,
      manyConnections('rate of one'),
      measured.of(OWNED, '1 connections', 'rate of one'),
    ),
    goal('threads with 1000 connections, more than with none', 'at most', 1, manyConnections('more threads'), 1),
  ];
}
