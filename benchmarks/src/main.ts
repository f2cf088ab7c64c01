/** `npm run bench`: every subject under the same workloads, in one run. `benchmarks/README.md` says what the figures mean. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { countNativeCalls, nativeCallCount } from './native-calls.js';
import { type Figures, formatNativeCalls, formatTable, machine, type NativeCallFigures } from './report.js';
import { Session } from './session.js';
import type { Subject } from './subject.js';
import { REFERENCE, subjects } from './subjects/index.js';

const HELP = `Measures EntropyNet beside what people would use instead.

Usage: npm run bench -- [--quick] [--json FILE]

  --quick       fewer rounds; ends within a minute
  --json FILE   also write the figures to FILE

Example: npm run bench -- --quick --json figures.json
`;

interface Options {
  readonly quick: boolean;
  readonly json: string | undefined;
}

interface Sample {
  readonly p50: number;
  readonly p99: number;
  readonly rate: number;
}

const WARM_UP_ROUND_TRIPS = 3000;
const ROUND_TRIPS = 10_000;
/** A round of one-way messages lasts about this long, whatever the subject's speed. */
const ONE_WAY_MS = 500;
const MOST_ONE_WAY = 5_000_000;
const COUNTED_ROUND_TRIPS = 50_000;

function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: { quick: { type: 'boolean' }, json: { type: 'string' }, help: { type: 'boolean' } },
    });
    if (values.help !== true) return { quick: values.quick === true, json: values.json };
    process.stdout.write(HELP);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message.split('\n')[0] : String(error)}\n`);
    process.exitCode = 2;
  }
  return undefined;
}

const options = readOptions();
if (options !== undefined) await run(options);

async function run({ quick, json }: Options): Promise<void> {
  const able: Subject[] = [];
  for (const subject of subjects) {
    const reason = await subject.unavailable?.(tmpdir());
    if (reason === undefined) able.push(subject);
    else process.stderr.write(`${subject.name} is left out: ${reason}\n`);
  }
  const samples = new Map<Subject, Sample[]>(able.map((subject) => [subject, []]));
  const rounds = quick ? 3 : 9;
  // Subjects take turns, so that noise of the machine meets all of them alike.
  for (let round = 1; round <= rounds; round += 1) {
    for (const subject of able) {
      showProgress(`round ${round} of ${rounds}: ${subject.name}`);
      samples.get(subject)?.push(await sample(subject));
    }
  }
  showProgress('counting native calls');
  const nativeCalls = await countCalls(able.find(({ name }) => name.includes('spin')));
  showProgress('');
  const figures = able.map((subject) => figuresOf(subject, samples.get(subject) ?? []));
  process.stdout.write(`${machine()}\n\n${formatTable(figures, REFERENCE)}\n`);
  if (nativeCalls !== undefined) process.stdout.write(`\n${formatNativeCalls(nativeCalls)}\n`);
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ machine: machine(), rounds, figures, nativeCalls }, undefined, 2)}\n`);
}

async function sample(subject: Subject): Promise<Sample> {
  const session = await Session.open(subject);
  try {
    await session.roundTrips(WARM_UP_ROUND_TRIPS);
    const sorted = (await session.roundTrips(ROUND_TRIPS)).sort();
    const trial = await session.oneWay(20_000);
    const count = Math.min(MOST_ONE_WAY, Math.ceil((trial * ONE_WAY_MS) / 1000));
    const rate = await session.oneWay(count);
    return { p50: at(sorted, 0.5), p99: at(sorted, 0.99), rate };
  } finally {
    await session.close();
  }
}

/** Counts calls into the addon in both processes during a ping-pong in which neither side sleeps. */
async function countCalls(subject: Subject | undefined): Promise<NativeCallFigures | undefined> {
  if (subject === undefined) return undefined;
  countNativeCalls();
  const session = await Session.open(subject, true);
  try {
    await session.roundTrips(WARM_UP_ROUND_TRIPS);
    const peerBefore = await session.peerNativeCalls();
    const driverBefore = nativeCallCount();
    await session.roundTrips(COUNTED_ROUND_TRIPS);
    const driverCalls = nativeCallCount() - driverBefore;
    return { roundTrips: COUNTED_ROUND_TRIPS, driverCalls, peerCalls: (await session.peerNativeCalls()) - peerBefore };
  } finally {
    await session.close();
  }
}

function figuresOf(subject: Subject, samples: readonly Sample[]): Figures {
  const median = (pick: (each: Sample) => number): number => {
    const sorted = samples.map(pick).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  return {
    subject: subject.name,
    roundTripUs: { p50: median(({ p50 }) => p50), p99: median(({ p99 }) => p99) },
    messagesPerSecond: median(({ rate }) => rate),
  };
}

function at(sorted: Float64Array, fraction: number): number {
  return sorted[Math.floor(sorted.length * fraction)] ?? 0;
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
