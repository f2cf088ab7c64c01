import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { printable, redactText } from '@entropynet/core';
import { startTurn } from '@entropynet/core/platform';
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
import { reasonOf } from './support/paths.js';
import { type Terminal, tell } from './support/terminal.js';

/** The streams of a command line. */
export interface Streams {
  /** The input of the command. */
  readonly stdin: NodeJS.ReadStream;
  /** Results. */
  readonly stdout: NodeJS.WriteStream;
  /** Progress and errors. */
  readonly stderr: NodeJS.WriteStream;
}

/** A command ends in order at these signals. A second signal ends the process at once. */
const SIGNALS = {
  SIGHUP: ExitCode.HungUp,
  SIGINT: ExitCode.Interrupted,
  SIGTERM: ExitCode.Terminated,
} as const;

/**
 * Runs one command line.
 * @param argv the arguments in the form of `process.argv`; the first two are ignored
 * @param streams standard input, which is closed at the end, output and errors; by default those of the process
 * @returns the exit code for the process
 */
export async function run(argv: readonly string[], streams: Streams = process): Promise<ExitCode> {
  const interruption = new AbortController();
  const terminal: Terminal = {
    input: streams.stdin,
    output: streams.stdout,
    errors: streams.stderr,
    interrupted: interruption.signal,
  };
  // The first reason to stop determines the exit code.
  let stopped: ExitCode | undefined;
  const stop = (code: ExitCode): void => {
    stopped ??= code;
    interruption.abort();
  };
  const handlers = Object.entries(SIGNALS).map(([signal, code]) => {
    const onSignal = (): void => {
      stop(code);
    };
    process.once(signal, onSignal);
    return { signal, onSignal };
  });
  // These listeners stay after the end: a failed write may be reported late, and must not become an uncaught exception.
  streams.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader such as `head` may have read enough.
    if (error.code === 'EPIPE') stop(ExitCode.OutputClosed);
    else {
      tell(terminal, `entropynet: standard output can't be written: ${reasonOf(error)}`);
      stop(ExitCode.Failed);
    }
  });
  // Without a reader of standard error, the results still count.
  streams.stderr.on('error', () => undefined);
  try {
    await makeProgram(terminal).parseAsync([...argv]);
    await written(streams.stdout);
    return stopped ?? ExitCode.Done;
  } catch (error) {
    const code = exitCodeOf(error, terminal);
    // The help and the version also end with an error of Commander.
    await written(streams.stdout);
    return stopped ?? code;
  } finally {
    for (const { signal, onSignal } of handlers) process.off(signal, onSignal);
    // The command reads no more. An open standard input would keep the process alive.
    streams.stdin.destroy();
  }
}

function makeProgram(terminal: Terminal): Command {
  const program = new Command('entropynet')
    .description('Use EntropyNet connections from a terminal or a script.')
    .version(ownVersion(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.output.write(text),
      // A peer may have chosen an argument that a script passes on.
      writeErr: (text) => {
        for (const line of text.trimEnd().split('\n')) tell(terminal, line);
      },
      getOutHelpWidth: () => terminal.output.columns,
      getErrHelpWidth: () => terminal.errors.columns,
    })
    .showHelpAfterError('(--help shows an example)')
    .addHelpText('after', EXIT_CODES);
  for (const add of [addListen, addConnect, addPing, addSend, addReceive, addBench, addInspect, addDoctor, addClean])
    add(program, terminal);
  return program;
}

const EXIT_CODES = `
Results go to standard output, everything for people to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage,
130 interrupted (Ctrl-C), 143 terminated, 129 hung up, 141 nobody reads standard output any more.`;

function exitCodeOf(error: unknown, terminal: Terminal): ExitCode {
  // Commander has already written its message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
  if (error instanceof CommandFailure) {
    tell(terminal, `entropynet: ${error.message}`);
    return error.exitCode;
  }
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (code === 'EMFILE' || code === 'ENFILE') {
    tell(terminal, `entropynet: no file can be opened: ${reasonOf(error)}`);
    return ExitCode.Failed;
  }
  // A line of the stack may quote an address of the command line, with its password.
  for (const line of `entropynet: a bug in the command: ${stackOf(error)}`.split('\n')) {
    tell(terminal, redactText(line, Number.POSITIVE_INFINITY));
  }
  return ExitCode.Failed;
}

/** Resolves when everything was written, or can't be written. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      // The event of an error follows its callback.
      startTurn(resolve);
    });
  });
}

function ownVersion(): string {
  const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };
  return version;
}

/** Returns the origin of a fault of the program, also for an error of another realm. */
function stackOf(error: unknown): string {
  const { stack, message } = typeof error === 'object' && error !== null ? (error as Partial<Error>) : {};
  return stack ?? message ?? printable(error);
}
