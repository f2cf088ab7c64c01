import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ActorTask } from './actor.js';

/** Starts a process of the run. Resolves when it is ready. */
export async function startActor(task: ActorTask): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./actor.js', import.meta.url));
  const child = fork(program, [JSON.stringify(task)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

/** Asks a process to end, and waits for that. Returns false if it had to kill the process after `limitMs`. */
export async function stopActor(child: ChildProcess, limitMs: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  const ended = once(child, 'exit');
  let isInTime = true;
  const timer = setTimeout(() => {
    isInTime = false;
    child.kill('SIGKILL');
  }, limitMs);
  if (child.connected) child.send('stop');
  await ended;
  clearTimeout(timer);
  return isInTime;
}
