import { parseArgs } from 'node:util';
import { ROUNDS_TO_JUDGE } from './comparison.js';
import { NATS_CONNECTIONS } from './nats-fleets.js';
import { problemOfOtherBuild } from './other-build.js';
import { ONE_THREAD } from './one-thread.js';
import { subjects } from './subjects/index.js';
import { workloads } from './workloads/index.js';

/** What the command line says. */
export interface Options {
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** Names of workloads; undefined: all. */
  readonly only: readonly string[] | undefined;
  /** Names of subjects; undefined: all. */
  readonly subjects: readonly string[] | undefined;
  readonly rounds: number;
  /** The folder of a built clone whose packages are measured beside this one's. */
  readonly against: string | undefined;
}

const CONNECTIONS = 'connections';
const PAIRS = 'pairs';
const RELAY = 'relay';
const NAMES = [
  ...workloads.map(({ name }) => name),
  CONNECTIONS,
  PAIRS,
  RELAY,
  'limits',
  'native-calls',
  ONE_THREAD,
  NATS_CONNECTIONS,
];
const SUBJECTS = subjects.map(({ name }) => name);
/** Names one below the other, in line with the texts of the help. */
const SEPARATOR = `,\n${' '.repeat(20)}`;
const USUAL_ROUNDS = 3;
/** So that it takes about a minute on two slow cores. */
const QUICK_ROUNDS = 2;
const MOST_ROUNDS = 99;

const HELP = `Compares EntropyNet with the usual alternatives, and with the limits of the machine.

Usage: entropynet bench [--quick] [--only NAMES] [--subjects NAMES]
                        [--rounds N] [--json FILE] [--html FILE]
                        [--against FOLDER]
       (in a clone: npm run bench -- and the same options)

  --quick           the most important figures, in two rounds; about a minute
  --only NAMES      only these workloads, with commas between them:
                    ${NAMES.slice(0, 6).join(', ')},
                    ${NAMES.slice(6, 12).join(', ')},
                    ${NAMES.slice(12, 16).join(', ')},
                    ${NAMES.slice(16).join(', ')};
                    ${NATS_CONNECTIONS} only where it is named
  --subjects NAMES  only these subjects, with commas between them:
                    ${SUBJECTS.join(SEPARATOR)}
  --rounds N        the number of measurements of each; shows the medians (3;
                    with --quick 2)
  --json FILE       also write all figures to FILE
  --html FILE       also write a report with plots to FILE
  --against FOLDER  also measure EntropyNet of the built clone in FOLDER, in
                    turns, and compare; ${ROUNDS_TO_JUDGE} rounds unless --rounds says
                    more or fewer; exit code 1 if a figure is worse

Example:
  entropynet bench --quick --json figures.json
`;

/** Reads the command line; where there is nothing to measure, says why and returns undefined. */
export function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        json: { type: 'string' },
        html: { type: 'string' },
        only: { type: 'string' },
        subjects: { type: 'string' },
        rounds: { type: 'string' },
        against: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.help === true) {
      process.stdout.write(HELP);
      return undefined;
    }
    const only = listOf(values.only, '--only', NAMES);
    const chosen = listOf(values.subjects, '--subjects', SUBJECTS);
    const usual = values.quick === true ? QUICK_ROUNDS : USUAL_ROUNDS;
    const rounds = Number(values.rounds ?? (values.against === undefined ? usual : ROUNDS_TO_JUDGE));
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > MOST_ROUNDS)
      throw new Error(`--rounds '${values.rounds ?? ''}' is not a whole number from 1 to ${MOST_ROUNDS}`);
    const problem = values.against === undefined ? undefined : problemOfOtherBuild(values.against);
    if (problem !== undefined) throw new Error(problem);
    return {
      quick: values.quick === true,
      json: values.json,
      html: values.html,
      only,
      subjects: chosen,
      rounds,
      against: values.against,
    };
  } catch (error) {
    process.stderr.write(`${(error as Error).message.split('\n')[0] ?? ''}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

function listOf(text: string | undefined, option: string, allowed: readonly string[]): readonly string[] | undefined {
  const names = text?.split(',');
  const unknown = names?.find((name) => !allowed.includes(name));
  if (unknown === undefined) return names;
  throw new Error(`${option} '${unknown}' is unknown; allowed are ${allowed.join(', ')}`);
}

/** Whether something that is no workload of one connection is to be measured. */
export function isWanted({ only, quick }: Options, name: string): boolean {
  if (only !== undefined) return only.includes(name);
  if (name === NATS_CONNECTIONS) return false;
  return !quick || ![CONNECTIONS, PAIRS, RELAY, ONE_THREAD].includes(name);
}
