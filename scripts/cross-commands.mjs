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
