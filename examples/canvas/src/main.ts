/** `npm start`: an engine and an editor, once for each run, with one configuration file. */
import { type Arguments, HELP, readArguments } from './arguments.js';
import { startNatsBroker } from './nats-broker.js';
import { type FinishedRun, formatTable, lostOf, toJson } from './report.js';
import { performRun, type Run } from './run.js';

const EXIT_FAILED = 1;
const EXIT_WRONG_ARGUMENTS = 2;

/** The same programs and the same configuration, but for one word: `backend`. */
const RUNS: readonly Run[] = [
  { title: 'shared memory', backend: 'auto', sharesDirectory: true },
  { title: 'WebSocket', backend: 'websocket', sharesDirectory: true },
  // `auto` takes shared memory where it is available and otherwise says why it is not: here the editor looks for the engine in
  // a folder that the engine does not share with it, as in a container without the engine's volume.
  { title: 'shared memory out of reach', backend: 'auto', sharesDirectory: false },
];

await main();

async function main(): Promise<void> {
  let options: Arguments;
  try {
    options = readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = EXIT_WRONG_ARGUMENTS;
    return;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  try {
    const finished = await performRuns(options, interruption());
    process.stdout.write(options.json ? toJson(finished) : formatTable(finished));
    if (finished.some(({ result }) => lostOf(result) > 0 || !result.sha256Match)) process.exitCode = EXIT_FAILED;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = EXIT_FAILED;
  }
}

async function performRuns({ file, nats }: Arguments, signal: AbortSignal): Promise<FinishedRun[]> {
  const finished: FinishedRun[] = [];
  // Before the first run: the user learns at once where there is no NATS server.
  const broker = nats ? await startNatsBroker(signal) : undefined;
  try {
    for (const run of RUNS) finished.push({ run, result: await performRun(run, file, signal) });
    if (broker === undefined) return finished;
    const run: Run = { title: 'NATS', backend: 'nats', sharesDirectory: true, broker };
    finished.push({ run, result: await performRun(run, file, signal) });
    return finished;
  } finally {
    await broker?.stop();
  }
}

/** Aborted by Ctrl-C and its like, so that every run can clean up behind itself. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new Error(`Interrupted by ${name}.`)));
  }
  return controller.signal;
}

function messageOf(error: unknown): string {
  return (error as Partial<Error> | null | undefined)?.message ?? String(error);
}
