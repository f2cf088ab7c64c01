import { readdirSync, readFileSync, statSync } from 'node:fs';
import { redactText } from '@entropynet/core';

/** A process as a person would name it. */
export interface InspectedProcess {
  /** Its id, as this process sees it. */
  readonly id: number;
  /**
   * Its command line, cut after 200 characters and printable, with addresses as `redactEndpoint` shows them; empty where it
   * may not be read.
   */
  readonly command: string;
  /** When it started, in milliseconds since the epoch. */
  readonly startedAt: number | undefined;
}

const MAX_COMMAND_CHARACTERS = 200;
/** The unit of times in `/proc`, which is 100 a second on every Linux that Node.js runs on. */
const MILLISECONDS_PER_TICK = 10;

/** The ids of this user's living processes. */
export function processesOf(userId: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => isOf(userId, name))
    .map(Number);
}

/** What is known of a process; undefined when it is gone. */
export function describeProcess(id: number): InspectedProcess | undefined {
  const ticks = startTicksOf(id);
  if (ticks === undefined) return undefined;
  const boot = Number(/^btime (\d+)$/m.exec(textOf('/proc/stat') ?? '')?.[1] ?? NaN) * 1000;
  const startedAt = Number.isNaN(boot) ? undefined : boot + ticks * MILLISECONDS_PER_TICK;
  const command = (textOf(`/proc/${id}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  return { id, command: redactText(command, MAX_COMMAND_CHARACTERS), startedAt };
}

/** When a process started, in the system's own unit since it booted; undefined when it is gone. */
export function startTicksOf(id: number): number | undefined {
  const status = textOf(`/proc/${id}/stat`);
  // The name, in parentheses, may hold anything; the start is the twentieth word behind it.
  const ticks = Number(status?.slice(status.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isNaN(ticks) ? undefined : ticks;
}

/** A file of `/proc`; undefined where the process is gone or may not be looked at. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isOf(userId: number, name: string): boolean {
  try {
    return statSync(`/proc/${name}`).uid === userId;
  } catch {
    return false;
  }
}
