import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { within } from '@entropynet/conformance/tools';
import type { ExitTask } from './exit-task.js';

/** The end of a program, and its output. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs the program to its end. Assertions show its output if the end is wrong. */
export async function runExitProgram(task: ExitTask): Promise<Exit> {
  const program = fileURLToPath(new URL('./exit-program.js', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, output }));
  });
  try {
    return await within(exit, 'the program ended');
  } finally {
    child.kill('SIGKILL');
  }
}
