import { type Failure, type Result } from '@entropynet/core';

/** The exit codes of the process. */
export const ExitCode = {
  /** Done. */
  Done: 0,
  /** It failed: no connection, a broken transfer, or a failed check. */
  Failed: 1,
  /** The command line is wrong. Nothing was tried. */
  Usage: 2,
  /** The terminal was closed: SIGHUP, with the number that shells use. */
  HungUp: 129,
  /** The user interrupted it: SIGINT, with the number that shells use. */
  Interrupted: 130,
  /** Standard output has no reader: SIGPIPE, with the number that shells use. */
  OutputClosed: 141,
  /** The system asked it to end: SIGTERM, with the number that shells use. */
  Terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** One sentence for standard error, and the exit code of the process. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    message: string,
    readonly exitCode: ExitCode = ExitCode.Failed,
  ) {
    super(message);
  }
}

/** Returns the value, or throws the failure's sentence as a `CommandFailure`. A wrong parameter is wrong usage. */
export function expectOk<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw failureOf(result);
}

function failureOf({ error }: Failure): CommandFailure {
  const isUsage = error.code === 'InvalidParameter';
  return new CommandFailure(`${error.message} (${error.code})`, isUsage ? ExitCode.Usage : ExitCode.Failed);
}
