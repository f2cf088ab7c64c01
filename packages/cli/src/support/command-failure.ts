import { type Failure, type Result } from '@entropynet/core';

/** What the command's process ends with. */
export const ExitCode = {
  /** Done. */
  Done: 0,
  /** It could not be done: no connection, a transfer that broke, a check that failed. */
  Failed: 1,
  /** The command line is wrong; nothing was tried. */
  Usage: 2,
  /** The terminal went away: SIGHUP, as shells count it. */
  HungUp: 129,
  /** Interrupted by the user: SIGINT, as shells count it. */
  Interrupted: 130,
  /** Nobody reads standard output any more, as shells count SIGPIPE. */
  OutputClosed: 141,
  /** Asked to end: SIGTERM, as shells count it. */
  Terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** One sentence for standard error, and what the process ends with. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    message: string,
    readonly exitCode: ExitCode = ExitCode.Failed,
  ) {
    super(message);
  }
}

/** The value, or the failure's sentence as a `CommandFailure`; a wrong parameter is wrong usage. */
export function expectOk<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw failureOf(result);
}

function failureOf({ error }: Failure): CommandFailure {
  const isUsage = error.code === 'InvalidParameter';
  return new CommandFailure(`${error.message} (${error.code})`, isUsage ? ExitCode.Usage : ExitCode.Failed);
}
