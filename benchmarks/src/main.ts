/** `npm run bench`: every subject under the same workloads, in one run. `benchmarks/README.md` says what the figures mean. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { measureConnections } from './connections.js';
import { installCurrentNode, measureWith, nameWithCurrentNode } from './current-node.js';
import { goalsOf } from './goals.js';
import { buildLimits, LIMITS, measureLimits } from './limits.js';
import { type Measurement, Results } from './measurement.js';
import { countNativeCalls, nativeCallCount } from './native-calls.js';
import { isWanted, type Options, readOptions } from './options.js';
import { pinProcess } from './pinning.js';
import { writeHtml } from './report/html.js';
import { machine } from './report/machine.js';
import { details, goalTable, overview } from './report/tables.js';
import { Session } from './session.js';
import { type Subject, Task } from './subject.js';
import { subjects } from './subjects/index.js';
import { workloads } from './workloads/index.js';
import type { Workload } from './workloads/workload.js';

/** Several times what the slowest subject needs for any workload. */
const WORKLOAD_LIMIT_MS = 60_000;
const COUNTED_ROUND_TRIPS = 50_000;
const CONNECTION_COUNTS = [1, 10, 100, 1000];
const OWNED = 'EntropyNet shm adaptive';
const SPINNING = 'EntropyNet shm spin';

const options = readOptions();
if (options !== undefined) {
  pinProcess(process.pid, 0);
  await run(options);
}

async function run(options: Options): Promise<void> {
  const able = await ableSubjects(options);
  const names = able.map(({ name }) => name);
  const peers = able.filter(({ kind }) => kind === 'peer').map(({ name }) => name);
  const channels = names.filter((name) => name.includes('IPC'));
  const results = new Results();
  const notes: string[] = [];
  const currentNode = options.quick || options.subjects !== undefined ? undefined : installCurrentNode();
  const channelWorkloads = chosenWorkloads(options).filter((workload) => workload.applies === undefined);
  if (currentNode !== undefined && 'reason' in currentNode) say(currentNode.reason);
  else if (currentNode !== undefined) {
    names.push(...channels.map(nameWithCurrentNode));
    peers.push(...channels.map(nameWithCurrentNode));
  }
  const limits = isWanted(options, 'limits') ? buildLimits() : undefined;
  if (limits !== undefined && 'reason' in limits) say(limits.reason);
  // Subjects take turns, so that noise of the machine meets all of them alike.
  for (let round = 0; round < options.rounds; round += 1) {
    const progress = `round ${round + 1} of ${options.rounds}: `;
    // The limits stand right before the subjects that are compared with them.
    if (limits !== undefined && 'program' in limits) {
      showProgress(progress + LIMITS);
      results.add(round, LIMITS, await measureLimits(limits.program));
    }
    for (const subject of able) {
      showProgress(progress + subject.name);
      results.add(round, subject.name, await measure(subject, options));
    }
    if (currentNode !== undefined && 'program' in currentNode && channelWorkloads.length > 0) {
      showProgress(progress + channels.map(nameWithCurrentNode).join(' and '));
      const workloadNames = channelWorkloads.map(({ name }) => name);
      for (const result of await measureWith(currentNode.program, channels, workloadNames))
        results.add(round, result.subject, [result]);
    }
    if (isWanted(options, 'connections') && able.some(({ name }) => name === OWNED)) {
      for (const count of CONNECTION_COUNTS) {
        showProgress(`${progress}${count} connections`);
        results.add(round, OWNED, await measureConnections(count));
      }
    }
  }
  const spinning = able.find(({ name }) => name === SPINNING);
  if (spinning !== undefined && isWanted(options, 'native-calls')) {
    showProgress('counting native calls');
    notes.push(await countCalls(spinning));
  }
  showProgress('');
  report(options, results, { names, peers }, notes);
}

async function ableSubjects(options: Options): Promise<Subject[]> {
  const able: Subject[] = [];
  for (const subject of subjects) {
    const isWanted = options.subjects?.includes(subject.name) ?? !(options.quick && subject.isExtra === true);
    if (!isWanted) continue;
    const reason = await subject.unavailable?.(tmpdir());
    if (reason === undefined) able.push(subject);
    else say(`${subject.name} is left out: ${reason}`);
  }
  return able;
}

function chosenWorkloads({ only, quick }: Options): readonly Workload[] {
  return workloads.filter(({ name, isQuick }) => only?.includes(name) ?? (isQuick || !quick));
}

async function measure(subject: Subject, options: Options): Promise<Measurement[]> {
  const chosen = chosenWorkloads(options);
  const measurements: Measurement[] = [];
  if (chosen.length === 0) return measurements;
  const session = await Session.open(subject);
  try {
    for (const workload of chosen) {
      if (workload.applies?.(subject, session) === false) continue;
      const measured = await endedWithin(workload.run(session), WORKLOAD_LIMIT_MS);
      if (measured === undefined) {
        say(`${subject.name} did not end the workload '${workload.name}' within ${WORKLOAD_LIMIT_MS / 1000} s`);
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
async function countCalls(subject: Subject): Promise<string> {
  countNativeCalls();
  const session = await Session.open(subject, true);
  try {
    await session.roundTrips(3000);
    const peerBefore = await session.ask(Task.NativeCalls);
    const driverBefore = nativeCallCount();
    await session.roundTrips(COUNTED_ROUND_TRIPS);
    const driverCalls = nativeCallCount() - driverBefore;
    const peerCalls = (await session.ask(Task.NativeCalls)) - peerBefore;
    const count = COUNTED_ROUND_TRIPS.toLocaleString('en');
    return `Native calls with both sides awake (wait: spin): ${driverCalls} in the driver and ${peerCalls} in the peer, in ${count} round trips.`;
  } finally {
    await session.close();
  }
}

function report(
  options: Options,
  results: Results,
  { names, peers }: { readonly names: readonly string[]; readonly peers: readonly string[] },
  notes: readonly string[],
): void {
  const medians = results.medians();
  const goals = goalsOf(medians, peers);
  const goalsText = goals.some(({ reached }) => reached !== undefined) ? [goalTable(goals)] : [];
  const paragraphs = [machine(), overview(medians, names), ...details(medians), ...goalsText, ...notes];
  process.stdout.write(`${paragraphs.join('\n\n')}\n`);
  const everything = { machine: machine(), rounds: options.rounds, results: medians, goals, notes };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(everything, undefined, 2)}\n`);
  if (options.html !== undefined) writeHtml(options.html, everything);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
