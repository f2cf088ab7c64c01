import type { Context } from 'mocha';

/** The reason why a test can't pause a process here; undefined where it can. */
export const NO_PAUSE = process.platform === 'win32' ? 'this system can not pause a process' : undefined;

/** The reason why a taken name of a pipe can't be tested here; undefined where it can. */
export const NO_FIRST_PIPE =
  process.env['ENTROPYNET_EMULATOR'] === 'wine'
    ? 'wine lets a second server make a pipe that exists (it ignores FILE_FLAG_FIRST_PIPE_INSTANCE)'
    : undefined;

/** Leaves out the test, or all tests of the `before` hook, and prints one line with the reason. */
export function leaveOut(context: Context, reason: string): never {
  process.stdout.write(`    left out: ${reason}\n`);
  context.skip();
}
