// Checks the models of the shared-memory protocol in every interleaving, and that the checker finds a fault in each
// variant with one piece of the protocol taken away: a check that can't fail proves nothing.
// Usage: npm run verify. Needs spin and a C compiler.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const modelFolder = join(resolve(dirname(fileURLToPath(import.meta.url)), '..'), 'models');

/** Deeper than any run of these models; the checker says so where it is not. */
const SEARCH_DEPTH = 1_000_000;

/** Ends the check; the sentence is all the user needs to read. */
class VerifyError extends Error {}

function run(folder, command, options) {
  const { error, status, stdout, stderr } = spawnSync(command, options, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error?.code === 'ENOENT')
    throw new VerifyError(`${command} is not there: install it (Debian: apt-get install spin gcc)`);
  if (error) throw error;
  return { status, output: stdout + stderr };
}

/** The number of states and of faults that an exhaustive search finds, and the first fault. */
function check(model, definition) {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-verify-'));
  try {
    const definitions = definition === undefined ? [] : [`-D${definition}`];
    const translated = run(folder, 'spin', [...definitions, '-a', model]);
    if (translated.status !== 0 || translated.output.includes('Error'))
      throw new VerifyError(`${basename(model)} can't be translated:\n${translated.output}`);
    const compiled = run(folder, 'cc', ['-O2', '-DSAFETY', '-o', 'checker', 'pan.c']);
    if (compiled.status !== 0) throw new VerifyError(`${basename(model)} can't be compiled:\n${compiled.output}`);
    const { output } = run(folder, join(folder, 'checker'), [`-m${SEARCH_DEPTH}`]);
    const faults = /errors: (\d+)/.exec(output);
    const states = /(\d+) states, stored/.exec(output);
    if (faults === null || states === null || output.includes('max search depth too small'))
      throw new VerifyError(`the search of ${basename(model)} was not complete:\n${output}`);
    const [first = ''] = /pan:1: .*(?= \(at depth)/.exec(output) ?? [];
    return { faults: Number(faults[1]), states: Number(states[1]), first: first.replace('pan:1: ', '') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything that a model can leave out, in the order of its text. */
function controlsOf(model) {
  const names = [...readFileSync(model, 'utf8').matchAll(/^#ifn?def (\w+)$/gm)].map(([, name]) => name);
  return [...new Set(names)];
}

function main() {
  const models = readdirSync(modelFolder).filter((name) => name.endsWith('.pml'));
  let failures = 0;
  for (const name of models) {
    const model = join(modelFolder, name);
    process.stdout.write(`${name}\n`);
    for (const control of [undefined, ...controlsOf(model)]) {
      const { faults, states, first } = check(model, control);
      const isRight = control === undefined ? faults === 0 : faults > 0;
      if (!isRight) failures += 1;
      const what = (control ?? 'as it is').padEnd(22);
      const outcome = faults === 0 ? 'no fault' : `fault: ${first}`;
      process.stdout.write(
        `  ${isRight ? 'ok   ' : 'WRONG'}  ${what}  ${String(states).padStart(8)} states  ${outcome}\n`,
      );
    }
  }
  process.stdout.write(failures === 0 ? 'As wanted.\n' : `${failures} not as wanted.\n`);
  return failures === 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof VerifyError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
