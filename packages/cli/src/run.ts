import { Command, CommanderError } from 'commander';
import { addBench } from './commands/bench.js';
import { addClean } from './commands/clean.js';
import { addConnect } from './commands/connect.js';
import { addDoctor } from './commands/doctor.js';
import { addInspect } from './commands/inspect.js';
import { addListen } from './commands/listen.js';
import { addPing } from './commands/ping.js';
import { addReceive } from './commands/receive.js';
import { addSend } from './commands/send.js';
import { CommandFailure, ExitCode } from './support/command-failure.js';
import { type Terminal, tell } from './support/terminal.js';

/**
 * Runs one command line.
 * @param argv as `process.argv`: the first two are not looked at
 * @returns what the process is to end with
 */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  const interruption = new AbortController();
  const terminal: Terminal = {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    interrupted: interruption.signal,
  };
  const onInterrupt = (): void => {
    interruption.abort();
  };
  // Once: a second interrupt ends a command that does not end by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onInterrupt);
  // Whoever reads the output, `head` for one, may have enough of it.
  process.stdout.on('error', onInterrupt);
  try {
    await makeProgram(terminal).parseAsync([...argv]);
    return ExitCode.Done;
  } catch (error) {
    return exitCodeOf(error, terminal);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onInterrupt);
    // Nothing more is read; an open standard input would keep the process alive.
    process.stdin.destroy();
  }
}

function makeProgram(terminal: Terminal): Command {
  const program = new Command('entropynet')
    .description('Talk to EntropyNet connections from a terminal or a script.')
    .exitOverride()
    .showHelpAfterError('(--help shows an example)')
    .addHelpText('after', EXIT_CODES);
  for (const add of [addListen, addConnect, addPing, addSend, addReceive, addBench, addInspect, addDoctor, addClean])
    add(program, terminal);
  return program;
}

const EXIT_CODES = `
Results go to standard output, everything for people to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage,
130 interrupted.`;

function exitCodeOf(error: unknown, terminal: Terminal): ExitCode {
  // Commander has written what it has to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
  if (terminal.interrupted.aborted) return ExitCode.Interrupted;
  if (!(error instanceof CommandFailure)) throw error;
  tell(terminal, `entropynet: ${error.message}`);
  return error.exitCode;
}
