/** `npm run bench`: every subject under the same workloads, in one run. `benchmarks/README.md` says what the figures mean. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describeThrown, shortageOf } from '@entropynet/core';
import { compare, isWorse } from './comparison.js';
import { installCurrentNode, nameWithCurrentNode } from './current-node.js';
import { measureInProcess } from './driver-process.js';
import { goalsOf } from './goals/index.js';
import { buildLimits, LIMITS, measureDistance, measureLimits } from './limits.js';
import { type Measurement, Results } from './measurement.js';
import { buildNativePeers, measureNativePair, NATIVE_PAIR } from './native-peers.js';
import { isInOtherBuild, nameOfOtherBuild, startOfOtherBuild } from './other-build.js';
import { natsUnavailable } from './nats-broker.js';
import { FLEETS, nameOfFleet, NATS_CONNECTIONS } from './nats-fleets.js';
import { ONE_THREAD, SUBJECTS_ON_ONE_THREAD } from './one-thread.js';
import { isWanted, type Options, readOptions } from './options.js';
import { CIRCUMSTANCES, measurePairs } from './pairs.js';
import { writeHtml } from './report/html.js';
import { machine } from './report/machine.js';
import { comparisonTable, details, goalTable, overview } from './report/tables.js';
import type { ProcessStart, Subject } from './subject.js';
import { entropyNetNats } from './subjects/entropynet-nats.js';
import { subjects } from './subjects/index.js';
import { workloads } from './workloads/index.js';
import type { Workload } from './workloads/workload.js';

const CONNECTION_COUNTS = [1, 10, 100, 1000];
/** How many fresh pairs of the subject that waits adaptively are measured, and of the others for comparison. */
const PAIRS = 40;
const PAIRS_TO_COMPARE = 10;
const OWNED = 'EntropyNet shm adaptive';
const ASLEEP = 'EntropyNet shm sleep';
const SPINNING = 'EntropyNet shm spin';
const SPECIAL_WORKLOADS = new Set(workloads.filter(({ isSpecial }) => isSpecial === true).map(({ name }) => name));
const WAITS = [
  [OWNED, 'adaptive'],
  [ASLEEP, 'sleep'],
  [SPINNING, 'spin'],
] as const;

/** A line of the tables: a subject, as one Node.js runs it. */
interface Entry {
  readonly name: string;
  readonly subject: string;
  readonly isPeer: boolean;
  /** The Node.js on both ends, if not the one that runs the benchmark. */
  readonly program?: string;
  readonly start?: ProcessStart | undefined;
  readonly workloads?: readonly string[] | undefined;
}

const options = readOptions();
if (options !== undefined) await run(options);

async function run(options: Options): Promise<void> {
  const able = await ableSubjects(options);
  const entries: Entry[] = able.map(({ name, kind, start, workloads }) => ({
    name,
    subject: name,
    isPeer: kind === 'peer',
    start,
    workloads,
  }));
  const chosen = chosenWorkloads(options).map(({ name }) => name);
  const currentNode = options.quick || options.subjects !== undefined ? undefined : installCurrentNode();
  if (currentNode !== undefined && 'reason' in currentNode) say(currentNode.reason);
  else if (currentNode !== undefined) {
    for (const { name } of able.filter((subject) => subject.name.includes('IPC')))
      entries.push({ name: nameWithCurrentNode(name), subject: name, isPeer: true, program: currentNode.program });
  }
  if (options.against !== undefined) addOtherBuild(entries, able, options.against);
  const isAble = (name: string): boolean => able.some((subject) => subject.name === name);
  const results = new Results();
  const notes: string[] = [];
  const limits = isWanted(options, 'limits') ? buildLimits() : undefined;
  if (limits !== undefined && 'reason' in limits) say(limits.reason);
  const limitsProgram = limits !== undefined && 'program' in limits ? limits.program : undefined;
  const nativePeers = isWanted(options, 'limits') ? buildNativePeers() : undefined;
  if (typeof nativePeers === 'string') say(`${NATIVE_PAIR} is left out: ${nativePeers}`);
  const distance = (): Promise<number> =>
    limitsProgram === undefined ? Promise.resolve(Number.NaN) : measureDistance(limitsProgram);
  let before = await distance();
  const measure = async (round: number, name: string, work: () => Promise<Measurement[]>): Promise<void> => {
    showProgress(`round ${round + 1} of ${options.rounds}: ${name}`);
    const measurements = await work();
    const after = await distance();
    results.add(round, name, measurements, Math.max(before, after));
    before = after;
  };
  // Subjects take turns, so that noise of the machine meets all of them alike.
  for (let round = 0; round < options.rounds; round += 1) {
    // The limits stand right before the subjects that are compared with them.
    if (limitsProgram !== undefined) await measure(round, LIMITS, () => measureLimits(limitsProgram));
    if (typeof nativePeers === 'object') await measure(round, NATIVE_PAIR, () => measureNativePair(nativePeers));
    // Neither build is always the first: what the one leaves behind meets both alike.
    for (const entry of round % 2 === 0 ? entries : [...entries].reverse()) {
      const workloads = meaningful(chosen, entry);
      if (workloads.length === 0) continue;
      await measure(round, entry.name, () => measureInProcess({ subject: entry.subject, workloads }, entry));
    }
    if (isWanted(options, ONE_THREAD)) {
      for (const name of SUBJECTS_ON_ONE_THREAD.filter(isAble))
        await measure(round, name, () => measureInProcess({ oneThread: name }));
    }
    if (isWanted(options, 'relay')) {
      for (const [name, wait] of WAITS) {
        if (isAble(name)) await measure(round, name, () => measureInProcess({ relay: wait }));
      }
    }
    if (isWanted(options, 'connections') && isAble(OWNED)) {
      for (const count of CONNECTION_COUNTS) {
        await measure(round, OWNED, () => measureInProcess({ connections: count }));
      }
    }
  }
  if (isWanted(options, 'pairs')) {
    for (const name of [OWNED, ASLEEP, SPINNING].filter(isAble)) {
      const pairs = name === OWNED ? PAIRS : PAIRS_TO_COMPARE;
      for (const circumstances of CIRCUMSTANCES) {
        const measured = await measurePairs(name, pairs, circumstances, (pair) => {
          showProgress(`${name}, ${circumstances.name}: pair ${pair + 1} of ${pairs}`);
        });
        results.add(0, name, measured);
      }
    }
  }
  if (isWanted(options, NATS_CONNECTIONS)) await measureFleets(results);
  if (isWanted(options, 'native-calls') && isAble(SPINNING)) {
    showProgress('counting native calls');
    const [roundTrips, driver, peer] = await measureInProcess({ subject: SPINNING, nativeCalls: true });
    const counts = `${count(driver)} in the driver and ${count(peer)} in the peer, in ${count(roundTrips)} round trips`;
    notes.push(`Native calls with both sides awake (wait: spin): ${counts}.`);
  }
  if (results.noteOnDistance !== undefined) notes.push(results.noteOnDistance);
  showProgress('');
  report(options, results, entries, notes);
}

/** Many connections over NATS: once each, because the largest takes minutes. */
async function measureFleets(results: Results): Promise<void> {
  if (natsUnavailable !== undefined) {
    say(`${NATS_CONNECTIONS} is left out: ${natsUnavailable}`);
    return;
  }
  for (const fleet of FLEETS) {
    showProgress(nameOfFleet(fleet));
    results.add(0, entropyNetNats.name, await measureInProcess({ fleet }));
  }
}

/** Those of the workloads that say something of the subject. */
function meaningful(workloads: readonly string[], subject: Pick<Subject, 'workloads'>): string[] {
  return workloads.filter((name) => subject.workloads?.includes(name) ?? !SPECIAL_WORKLOADS.has(name));
}

/** Puts the other build of each subject of EntropyNet right behind this build's. */
function addOtherBuild(entries: Entry[], able: readonly Subject[], folder: string): void {
  const others = able.filter(({ kind }) => kind === 'entropynet');
  for (const { name, start, workloads, transport } of others) {
    if (transport !== undefined && !isInOtherBuild(folder, transport)) {
      say(`${nameOfOtherBuild(name)} is left out: that build has no ${transport}`);
      continue;
    }
    const entry = { name: nameOfOtherBuild(name), subject: name, isPeer: false, workloads };
    const index = entries.findIndex((each) => each.name === name);
    entries.splice(index + 1, 0, { ...entry, start: startOfOtherBuild(folder, start) });
  }
}

async function ableSubjects(options: Options): Promise<Subject[]> {
  const able: Subject[] = [];
  const leftOut = new Map<string, string[]>();
  for (const subject of subjects) {
    const isWanted = options.subjects?.includes(subject.name) ?? !(options.quick && subject.isExtra === true);
    if (!isWanted) continue;
    const names = chosenWorkloads(options).map(({ name }) => name);
    if (names.length > 0 && meaningful(names, subject).length === 0) {
      if (options.subjects !== undefined) say(`${subject.name} is left out: it is ${rangeOf(subject, names)}`);
      continue;
    }
    const reason = await subject.unavailable?.(tmpdir());
    if (reason === undefined) able.push(subject);
    else leftOut.set(reason, [...(leftOut.get(reason) ?? []), subject.name]);
  }
  // A line for each reason, however many subjects it keeps out.
  for (const [reason, names] of leftOut) {
    say(`${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} left out: ${reason}`);
  }
  return able;
}

/** What a subject is for, if it is for none of the workloads of those names. */
function rangeOf({ workloads: own }: Subject, names: readonly string[]): string {
  return own === undefined ? `not for ${names.join(', ')}` : `for ${own.join(', ')}`;
}

function chosenWorkloads({ only, quick }: Options): readonly Workload[] {
  return workloads.filter(({ name, isQuick }) => only?.includes(name) ?? (isQuick || !quick));
}

function count(measurement: Measurement | undefined): string {
  return measurement?.value.toLocaleString('en') ?? 'an unknown number';
}

function report(options: Options, results: Results, entries: readonly Entry[], notes: readonly string[]): void {
  const medians = results.medians();
  const names = entries.map(({ name }) => name);
  const peers = entries.filter(({ isPeer }) => isPeer).map(({ name }) => name);
  const goals = goalsOf(medians, peers);
  const goalsText = goals.some(({ reached }) => reached !== undefined) ? [goalTable(goals)] : [];
  const comparisons = options.against === undefined ? [] : compare(medians);
  if (comparisons.some(isWorse)) process.exitCode = 1;
  const compared = comparisons.length === 0 ? [] : [comparisonTable(comparisons)];
  const tables = [overview(medians, names), ...details(medians), ...goalsText, ...compared];
  const paragraphs = [machine(), ...tables, ...notes];
  process.stdout.write(`${paragraphs.join('\n\n')}\n`);
  const everything = { machine: machine(), rounds: options.rounds, results: medians, goals, comparisons, notes };
  const { json, html } = options;
  if (json !== undefined) {
    keep(json, () => {
      writeFileSync(json, `${JSON.stringify(everything, undefined, 2)}\n`);
    });
  }
  if (html !== undefined) {
    keep(html, () => {
      writeHtml(html, everything);
    });
  }
}

/** Writes a file. If the system refuses, the tables and the other file still count. */
function keep(file: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    say(`${file} can't be written: ${shortageOf(error) ?? describeThrown(error)}`);
    process.exitCode = 1;
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
