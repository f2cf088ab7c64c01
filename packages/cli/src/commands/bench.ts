import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command } from 'commander';
import { CommandFailure, ExitCode } from '../support/command-failure.js';
import { reasonOf } from '../support/paths.js';
import { type Terminal } from '../support/terminal.js';

/** A package of its own, because the benchmarks depend on the libraries that they compare with, one of them native. */
const BENCHMARKS = '@entropynet/benchmarks';

/** `entropynet bench` runs the benchmark, if its package is installed. */
export function addBench(program: Command, terminal: Terminal): void {
  program
    .command('bench')
    .description('Compare EntropyNet with the usual alternatives; the arguments after "bench" go to the benchmark.')
    .argument('[options...]')
    // The help of the benchmark is more useful than that of this command.
    .helpOption(false)
    .allowUnknownOption()
    .action((options: string[]) => bench(terminal, options));
}

async function bench(terminal: Terminal, options: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [findBenchmarks(), ...options], { stdio: 'inherit' });
  const onInterrupt = (): void => {
    child.kill();
  };
  terminal.interrupted.addEventListener('abort', onInterrupt);
  try {
    const [code, signal] = (await once(child, 'exit').catch((error: unknown) => {
      throw new CommandFailure(`${process.execPath} can't be started: ${reasonOf(error)}`);
    })) as [number | null, NodeJS.Signals | null];
    if (terminal.interrupted.aborted) return;
    // The benchmark has already reported the fault.
    if (code === ExitCode.Usage) throw new CommandFailure('"bench --help" shows the arguments', ExitCode.Usage);
    if (code !== 0) throw new CommandFailure(`the benchmark ended with ${signal ?? `code ${String(code)}`}`);
  } finally {
    terminal.interrupted.removeEventListener('abort', onInterrupt);
  }
}

/** Returns the program of the benchmark: installed beside this package, or in the working directory. */
function findBenchmarks(): string {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    try {
      const file = createRequire(from).resolve(`${BENCHMARKS}/package.json`);
      const { bin } = JSON.parse(readFileSync(file, 'utf8')) as { bin: Record<string, string> };
      return join(dirname(file), Object.values(bin)[0] ?? '');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND')
        throw new CommandFailure(`${BENCHMARKS} can't be read: ${reasonOf(error)}`);
      // It is not installed there.
    }
  }
  throw new CommandFailure(`the benchmarks are a separate package: run "npm install ${BENCHMARKS}" first`);
}
