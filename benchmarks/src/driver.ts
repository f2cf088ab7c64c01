/** The program of a driver: does what its argument says, sends the figures to the process that started it, and ends. */
import type { Assignment, Placement } from './driver-process.js';
import { endWithParent } from './end-with-parent.js';
import type { Measurement } from './measurement.js';
import { countNativeCalls, nativeCallCount } from './native-calls.js';
import { pinProcess } from './pinning.js';
import { Session } from './session.js';
import { type Subject, Task } from './subject.js';
import { loadSubject } from './subjects/load-subject.js';
import { workloads } from './workloads/index.js';
import { roundTrip } from './workloads/latency.js';

/** Several times what the slowest subject needs for any workload. */
const WORKLOAD_LIMIT_MS = 60_000;
const COUNTED_ROUND_TRIPS = 50_000;

const assignment = JSON.parse(process.argv[2] ?? '') as Assignment;
if (!('pair' in assignment) || assignment.pair === 'one processor') pinProcess(process.pid, 0);
endWithParent();
const measurements = await measure(assignment);
// What is left of the subject keeps no driver alive.
process.send?.(measurements, () => process.exit());

async function measure(assignment: Assignment): Promise<Measurement[]> {
  if ('connections' in assignment) return (await import('./connections.js')).measureConnections(assignment.connections);
  if ('relay' in assignment) return (await import('./relay.js')).measureRelay(assignment.relay);
  if ('fleet' in assignment) return (await import('./nats-connections.js')).measureFleet(assignment.fleet);
  if ('oneThread' in assignment)
    return (await import('./one-thread.js')).measureOneThread(await loadSubject(assignment.oneThread));
  const subject = await loadSubject(assignment.subject);
  if ('pair' in assignment) return measurePair(subject, assignment.pair);
  return 'workloads' in assignment ? underWorkloads(subject, assignment.workloads) : countCalls(subject);
}

/** Round trips of two processes that have just started. */
async function measurePair(subject: Subject, placement: Placement): Promise<Measurement[]> {
  const session = await Session.open(subject, { peerProcessor: placement === 'free' ? undefined : 0 });
  try {
    return await roundTrip.run(session);
  } finally {
    await session.close();
  }
}

async function underWorkloads(subject: Subject, names: readonly string[]): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const session = await Session.open(subject);
  try {
    for (const workload of workloads.filter(({ name }) => names.includes(name))) {
      if (workload.applies?.(subject, session) === false) continue;
      const measured = await endedWithin(workload.run(session), WORKLOAD_LIMIT_MS);
      if (measured === undefined) {
        const limit = `${WORKLOAD_LIMIT_MS / 1000} s`;
        process.stderr.write(`${subject.name} did not end the workload '${workload.name}' within ${limit}\n`);
        break;
      }
      measurements.push(...measured);
    }
    return measurements;
  } finally {
    await session.close();
  }
}

/** What the work resolves with; undefined where that takes too long, as with a peer that has stopped to answer. */
async function endedWithin<T>(work: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limitMs, undefined);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Counts calls into the addon in both processes during a ping-pong in which neither side sleeps. */
async function countCalls(subject: Subject): Promise<Measurement[]> {
  countNativeCalls();
  const session = await Session.open(subject, { isCounting: true });
  try {
    await session.roundTrips(3000);
    const peerBefore = await session.ask(Task.NativeCalls);
    const driverBefore = nativeCallCount();
    await session.roundTrips(COUNTED_ROUND_TRIPS);
    const driverCalls = nativeCallCount() - driverBefore;
    const peerCalls = (await session.ask(Task.NativeCalls)) - peerBefore;
    const figure = 'native calls';
    return [
      { figure, statistic: 'round trips', unit: 'count', value: COUNTED_ROUND_TRIPS },
      { figure, statistic: 'driver', unit: 'count', value: driverCalls },
      { figure, statistic: 'peer', unit: 'count', value: peerCalls },
    ];
  } finally {
    await session.close();
  }
}
