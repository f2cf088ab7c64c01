import { readdirSync, readFileSync, statSync } from 'node:fs';
import { redactText } from '@entropynet/core';

/** A description of a process for people. */
export interface InspectedProcess {
  /** Its process id, as this process sees it. */
  readonly id: number;
  /**
   * Its command line: at most 200 characters, printable, and without user information and query in addresses
   * (`redactEndpoint`). Empty if this process may not read it.
   */
  readonly command: string;
  /** The time of its start, in milliseconds since the epoch. */
  readonly startedAt: number | undefined;
}

const MAX_COMMAND_CHARACTERS = 200;
/** The unit of times in `/proc`, which is 100 a second on every Linux that Node.js runs on. */
const MILLISECONDS_PER_TICK = 10;

/** Returns the ids of the running processes of a user. */
export function processesOf(userId: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => isOf(userId, name))
    .map(Number);
}

/** Returns the description of a process; undefined if it has ended. */
export function describeProcess(id: number): InspectedProcess | undefined {
  const ticks = startTicksOf(id);
  if (ticks === undefined) return undefined;
  const boot = Number(/^btime (\d+)$/m.exec(textOf('/proc/stat') ?? '')?.[1] ?? NaN) * 1000;
  const startedAt = Number.isNaN(boot) ? undefined : boot + ticks * MILLISECONDS_PER_TICK;
  const command = (textOf(`/proc/${id}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  return { id, command: redactText(command, MAX_COMMAND_CHARACTERS), startedAt };
}

/** Returns the start of a process in ticks since the system's boot; undefined if it has ended. */
export function startTicksOf(id: number): number | undefined {
  const status = textOf(`/proc/${id}/stat`);
  // The name stands in parentheses and may contain any character. The start is the twentieth word after it.
  const ticks = Number(status?.slice(status.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isNaN(ticks) ? undefined : ticks;
}

/** Returns the text of a file in `/proc`; undefined if the process has ended or may not be read. */
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
