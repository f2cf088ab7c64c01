import type { Placement } from './peer/peer-host.js';

/** The chapters with the peer in one placement and one near side. */
export interface Combination {
  readonly placement: Placement;
  /** Its suites are the chapters. */
  readonly suite: Mocha.Suite;
}

/** A test with the placement of its peer. */
interface PlacedTest {
  readonly placement: Placement;
  readonly test: Mocha.Test;
}

/**
 * Keeps each behaviour in only one combination. Consecutive behaviours of a chapter go to different combinations, so
 * that all are used. Each placement keeps at least one behaviour of each of its chapters.
 */
export function spread(combinations: readonly Combination[]): void {
  const chapters = new Map<string, PlacedTest[]>();
  for (const { placement, suite } of combinations) {
    for (const chapter of suite.suites) {
      const tests = chapters.get(chapter.title) ?? [];
      chapters.set(chapter.title, tests);
      chapter.eachTest((test) => tests.push({ placement, test }));
    }
  }
  const kept = new Set([...chapters.values()].flatMap(chosenOf));
  for (const { suite } of combinations) for (const chapter of suite.suites) keepOnly(chapter, kept);
}

/** Returns the tests of a chapter that stay. */
function chosenOf(tests: readonly PlacedTest[]): Mocha.Test[] {
  const behaviours = new Map<string, PlacedTest[]>();
  for (const placed of tests) {
    const title = placed.test.title;
    const same = behaviours.get(title) ?? [];
    behaviours.set(title, same);
    same.push(placed);
  }
  const chosen = [...behaviours.values()].map((same, turn) => same[turn % same.length]!);
  const covered = new Set(chosen.map(({ placement }) => placement));
  for (const placed of tests) {
    if (covered.has(placed.placement)) continue;
    covered.add(placed.placement);
    chosen.push(placed);
  }
  return chosen.map(({ test }) => test);
}

function keepOnly(suite: Mocha.Suite, kept: ReadonlySet<Mocha.Test>): void {
  suite.tests = suite.tests.filter((test) => kept.has(test));
  for (const inner of suite.suites) keepOnly(inner, kept);
}
