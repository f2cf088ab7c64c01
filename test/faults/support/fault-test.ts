import { Scope, skippedTest } from '@entropynet/conformance/tools';
import { NO_PAUSE } from '../../support/leave-out.js';
import { nativeBinding } from '../../support/shared-memory/shared-memory-support.js';
import type { FaultCase } from './cases.js';
import { OpenThings } from './open-things.js';

/** Whether this run has the long form, as `npm run faults`: more rounds, and every combination. */
export const IS_FULL = process.env['ENTROPYNET_FAULTS'] === 'full';

/** The number of rounds: `short` in the test run, `full` in `npm run faults`. */
export function rounds(short: number, full: number): number {
  return IS_FULL ? full : short;
}

/** The tools of a test of a case. */
export interface FaultContext {
  readonly scope: Scope;
  /** Reports the outcome in a few words, for the table of `npm run faults`. */
  saw(outcome: string): void;
}

/** The outcomes that the tests reported, by their titles. */
export const outcomes = new Map<string, { readonly numbers: readonly FaultCase[]; outcome: string }>();

/** Returns the missing requirement of a case; undefined if nothing is missing. */
export type Requirement = () => string | undefined;

/** The addon. */
export const addon: Requirement = () => (nativeBinding() === undefined ? 'the addon is not built' : undefined);

/** Mounts, other users and namespaces. */
export const superuser: Requirement = () =>
  process.getuid?.() === 0 ? undefined : 'only the superuser may set this up';

/** The Linux kernel. */
export const linux: Requirement = () => (process.platform === 'linux' ? undefined : 'it is set up by means of Linux');

/** A system that can pause a process. */
export const pause: Requirement = () => NO_PAUSE;

/** A test of one or several cases. If a requirement is missing, the test is pending, with the reason in its title. */
export function faultTest(
  numbers: FaultCase | readonly FaultCase[],
  title: string,
  needs: readonly Requirement[],
  body: (context: FaultContext) => Promise<void>,
): void {
  const list = typeof numbers === 'string' ? [numbers] : numbers;
  const name = `${list.join(' ')}: ${title}`;
  const missing = needs.map((need) => need()).find((reason) => reason !== undefined);
  if (missing !== undefined) {
    skippedTest(name, missing);
    return;
  }
  it(name, async () => {
    const scope = new Scope();
    const entry = { numbers: list, outcome: 'as wanted' };
    outcomes.set(name, entry);
    try {
      await body({ scope, saw: (outcome) => (entry.outcome = outcome) });
    } catch (failure) {
      entry.outcome = `FAILED: ${(failure as Partial<Error>).message ?? String(failure)}`;
      await scope.dispose().catch(() => undefined);
      throw failure;
    }
    await scope.dispose();
  });
}

/** The cases of one file. After them, the process has nothing more open than before. */
export function describeFaults(title: string, body: () => void): void {
  const timeout = IS_FULL ? 900_000 : 120_000;
  let atStart: OpenThings;
  describe(`faults: ${title}`, function () {
    this.timeout(timeout);
    before(async () => {
      await OpenThings.warmUp();
      atStart = OpenThings.now();
    });
    body();
  });
  // A separate suite, which runs after all nested suites of the other.
  describe(`faults: ${title}: afterwards`, function () {
    this.timeout(timeout);
    it('no descriptor, thread, mapping, name, socket, timer or process is left', async () => {
      await atStart.expectNothingNew();
    });
  });
}
