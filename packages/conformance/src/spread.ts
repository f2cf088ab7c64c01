import type { Placement } from './peer/peer-host.js';

/** The chapters with the peer in one placement and one near side. */
export interface Combination {
  readonly placement: Placement;
  /** Its suites are the chapters. */
  readonly suite: Mocha.Suite;
}

/** A test with the combination that it is in. */
interface PlacedTest {
  readonly combination: Combination;
  readonly test: Mocha.Test;
}

/**
 * Keeps each behaviour in only one combination. Consecutive behaviours of a chapter go to different combinations, so
 * that all are used. Each placement keeps at least one behaviour of each of its chapters.
 */
export function spread(combinations: readonly Combination[]): void {
  keepChosen(combinations, spreadOf);
}

/** Keeps one behaviour of each chapter in each combination: different behaviours, as far as the chapter has so many. */
export function sample(combinations: readonly Combination[]): void {
  keepChosen(combinations, sampleOf);
}

/** Keeps the tests that `choose` returns for each chapter. */
function keepChosen(
  combinations: readonly Combination[],
  choose: (tests: readonly PlacedTest[]) => readonly Mocha.Test[],
): void {
  const chapters = new Map<string, PlacedTest[]>();
  for (const combination of combinations) {
    for (const chapter of combination.suite.suites) {
      const tests = chapters.get(chapter.title) ?? [];
      chapters.set(chapter.title, tests);
      chapter.eachTest((test) => tests.push({ combination, test }));
    }
  }
  const kept = new Set([...chapters.values()].flatMap(choose));
  for (const { suite } of combinations) for (const chapter of suite.suites) keepOnly(chapter, kept);
}

/** Returns the tests of a chapter that stay if each behaviour stays once. */
function spreadOf(tests: readonly PlacedTest[]): Mocha.Test[] {
  const behaviours = new Map<string, PlacedTest[]>();
  for (const placed of tests) {
    const title = placed.test.title;
    const same = behaviours.get(title) ?? [];
    behaviours.set(title, same);
    same.push(placed);
  }
  const chosen = [...behaviours.values()].map((same, turn) => same[turn % same.length]!);
  const covered = new Set(chosen.map(({ combination }) => combination.placement));
  for (const placed of tests) {
    const { placement } = placed.combination;
    if (covered.has(placement)) continue;
    covered.add(placement);
    chosen.push(placed);
  }
  return chosen.map(({ test }) => test);
}

/** Returns one test of a chapter for each combination that has the chapter. */
function sampleOf(tests: readonly PlacedTest[]): Mocha.Test[] {
  const byCombination = new Map<Combination, Mocha.Test[]>();
  for (const { combination, test } of tests) {
    const own = byCombination.get(combination) ?? [];
    byCombination.set(combination, own);
    own.push(test);
  }
  return [...byCombination.values()].map((own, turn) => own[turn % own.length]!);
}

function keepOnly(suite: Mocha.Suite, kept: ReadonlySet<Mocha.Test>): void {
  suite.tests = suite.tests.filter((test) => kept.has(test));
  for (const inner of suite.suites) keepOnly(inner, kept);
}
