import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measurement } from './measurement.js';
import type { Fleet } from './nats-fleets.js';
import type { ProcessStart } from './subject.js';
import type { WaitMode } from './subjects/entropynet.js';

/** Where the two processes of a fresh pair run: wherever the kernel puts them, or both on one processor. */
export type Placement = 'free' | 'one processor';

/** What a driver measures: a subject under workloads, many connections, messages that are passed on, a fleet over NATS, both ends on one thread, a fresh pair, or calls into native code. */
export type Assignment =
  | { readonly subject: string; readonly workloads: readonly string[] }
  | { readonly connections: number }
  | { readonly relay: WaitMode }
  | { readonly fleet: Fleet }
  | { readonly oneThread: string }
  | { readonly subject: string; readonly pair: Placement }
  | { readonly subject: string; readonly nativeCalls: true };

const DRIVER = fileURLToPath(new URL('./driver.js', import.meta.url));

/**
 * Measures in a process of its own, so that no subject inherits compiled code, type feedback or a heap from those
 * before it. `program`: the Node.js on both ends, if not the one that runs the benchmark; `start`: how both are started.
 */
export async function measureInProcess(
  assignment: Assignment,
  { program = process.execPath, start }: { readonly program?: string; readonly start?: ProcessStart | undefined } = {},
): Promise<Measurement[]> {
  const driver = fork(DRIVER, [JSON.stringify(assignment)], {
    execPath: program,
    execArgv: ['--expose-gc', ...(start?.arguments ?? [])],
    env: { ...process.env, ...start?.environment },
  });
  let measurements: Measurement[] | undefined;
  driver.once('message', (message) => {
    measurements = message as Measurement[];
  });
  const [code, signal] = (await once(driver, 'exit')) as [number | null, NodeJS.Signals | null];
  if (measurements === undefined)
    throw new Error(`the driver of ${JSON.stringify(assignment)} ended with ${signal ?? `exit code ${String(code)}`}`);
  return measurements;
}
