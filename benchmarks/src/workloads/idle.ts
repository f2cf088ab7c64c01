import { setTimeout as pause } from 'node:timers/promises';
import { Task } from '../subject.js';
import type { Workload } from './workload.js';

const IDLE_MS = 1500;

/** Processor time of the peer while nothing is sent, in percent of one processor. */
export const idle: Workload = {
  name: 'idle',
  isQuick: false,
  async run(session) {
    // Collects what the workloads before have left: V8 does it some time later by itself, while the process is idle.
    await session.request(Task.Watch);
    await session.request(Task.Watched);
    const before = await session.ask(Task.ProcessorTime);
    await pause(IDLE_MS);
    const microseconds = (await session.ask(Task.ProcessorTime)) - before;
    return [
      { figure: 'processor time when idle', statistic: 'share', unit: '%', value: microseconds / (IDLE_MS * 10) },
    ];
  },
};
