// How the scripts for other systems run compilers.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Runs a program to its end and gives what it printed; rejects with that where it fails. */
export function run([program, ...parameters], folder, environment) {
  return new Promise((done, fail) => {
    const env = { ...process.env, ...environment };
    const child = spawn(program, parameters, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk.toString()));
    child.once('error', fail);
    child.once('close', (code) => {
      if (code === 0) done(output);
      else fail(new Error(`"${[program, ...parameters].join(' ')}" ended with code ${code}:\n${output}`));
    });
  });
}

/** Does something for each item, as many at a time as there are processors. */
export async function forEach(items, use) {
  const waiting = items[Symbol.iterator]();
  const work = async () => {
    for (const item of waiting) await use(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/**
 * Works on the chosen targets, one after the other. Gives the code to exit with.
 *
 * @param {object} targets by name, each with `tools(canFetch)`
 * @param {readonly string[]} chosen their names; all of them if there are none
 * @param {{ available: boolean, fetch: boolean }} options of the command line
 * @param {{ work: (name: string, tools: object) => Promise<void>, notDone: string, failed: string }} task the work, and how the
 *   sentences about a target begin
 */
export async function forEachTarget(targets, chosen, { available, fetch }, { work, notDone, failed }) {
  const unknown = chosen.find((name) => !Object.hasOwn(targets, name));
  if (unknown !== undefined) {
    process.stderr.write(`The target '${unknown}' was given; allowed are ${Object.keys(targets).join(', ')}.\n`);
    return 2;
  }
  let isGood = true;
  for (const name of chosen.length > 0 ? chosen : Object.keys(targets)) {
    const tools = targets[name].tools(fetch);
    if (tools.missing !== undefined) {
      process.stderr.write(`${notDone} ${name}: ${tools.missing}.\n`);
      isGood &&= available;
      continue;
    }
    try {
      await work(name, tools);
    } catch (error) {
      process.stderr.write(`${failed} ${name}. ${error.message}\n`);
      isGood = false;
    }
  }
  return isGood ? 0 : 1;
}
