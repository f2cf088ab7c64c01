import type { Context } from 'mocha';

/** The reason why a test can't pause a process here; undefined where it can. */
export const NO_PAUSE = process.platform === 'win32' ? 'this system can not pause a process' : undefined;

/** Leaves out the test, or all tests of the `before` hook, and prints one line with the reason. */
export function leaveOut(context: Context, reason: string): never {
  process.stdout.write(`    left out: ${reason}\n`);
  context.skip();
}
