import type { Context } from 'mocha';

/** Leaves out the test, or all tests of the `before` hook, and prints one line with the reason. */
export function leaveOut(context: Context, reason: string): never {
  process.stdout.write(`    left out: ${reason}\n`);
  context.skip();
}
