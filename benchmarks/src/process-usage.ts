import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What another process has used so far. Linux alone tells it. */
export interface ProcessUsage {
  /** Resident memory, in bytes. */
  readonly resident: number;
  /** Processor time, in microseconds. */
  readonly processorTime: number;
}

let ticksPerSecond: number | undefined;

/** What the process with that id has used so far. */
export function usageOf(processId: number): ProcessUsage {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8');
  const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  // The name in parentheses may have blanks. Behind it, user and system time are the 12th and the 13th field.
  const fields = readFileSync(`/proc/${processId}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { resident, processorTime: (ticks * 1e6) / ticksPerSecond };
}
