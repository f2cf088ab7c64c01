/** `npm run example -- log-shipper`: many processes ship their log to one, which writes it. Counts every line. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ConnectionConfig } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { type Arguments, readArguments } from './arguments.js';
import { Collector } from './collector.js';
import { parseLine } from './line.js';

const EXIT_WRONG_ARGUMENTS = 2;
const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** What a worker tells at its end. */
interface WorkerReport {
  readonly waits: number;
  readonly backend: string;
}

const { counts, backend } = fromCommandLine();
const folder = mkdtempSync(join(tmpdir(), 'entropynet-log-'));
const children: ChildProcess[] = [];
try {
  await ship();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

async function ship(): Promise<void> {
  const { workers, lines } = counts;
  await using networking = await createNetworking({
    transports: [sharedMemoryTransportModule, webSocketTransportModule],
    log: () => undefined,
  });
  // A small window: a collector that falls behind is felt soon. A patient `send`: it may fall behind for long.
  const config: ConnectionConfig = {
    endpoint: 'log',
    fallback: ['ws://127.0.0.1:0/log'],
    backend,
    channelWindow: 64 * 1024,
    sendTimeoutMs: 600_000,
    sharedMemory: { directory: join(folder, 'run') },
  };
  const collector = new Collector(networking.manager, config, folder, counts['file-bytes']);
  // The same configuration, with the port that the system gave.
  const workerConfig = { ...config, fallback: await collector.listen() };
  const reports = Array.from({ length: workers }, (_unused, worker) => startWorker(workerConfig, worker));
  const [, ...told] = await Promise.all([collector.run(workers), ...reports]);

  const { written, faults } = await check(collector.file.paths);
  print('lines written', `${written} of ${workers * lines}`);
  print('lost, doubled or out of order', faults + Math.abs(workers * lines - written));
  print('files', collector.file.paths.length);
  print('workers', `${workers} over ${[...new Set(told.map(({ backend }) => backend))].join(' and ')}`);
  print('times that the disk was behind', collector.pauses);
  print(
    'times that a worker had to wait',
    told.reduce((sum, { waits }) => sum + waits, 0),
  );
  if (faults > 0 || written !== workers * lines) process.exitCode = 1;
}

/** Every other worker ends without a goodbye, right behind its last line. */
async function startWorker(config: ConnectionConfig, worker: number): Promise<WorkerReport> {
  const ending = worker % 2 === 0 ? 'goodbye' : 'exit';
  const child = fork(WORKER, [JSON.stringify(config), String(worker), String(counts.lines), ending]);
  children.push(child);
  let report: WorkerReport | undefined;
  child.on('message', (message) => {
    report = message as WorkerReport;
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (code !== 0 || report === undefined) throw new Error(`worker ${worker} ended with ${code ?? signal ?? 'nothing'}`);
  return report;
}

/** Reads the files again: each worker's lines must be there once and in order. */
async function check(paths: readonly string[]): Promise<{ written: number; faults: number }> {
  const next = new Map<number, number>();
  let written = 0;
  let faults = 0;
  for (const path of paths) {
    for await (const text of createInterface({ input: createReadStream(path) })) {
      written += 1;
      const line = parseLine(text);
      if (line === undefined || line.index !== (next.get(line.worker) ?? 0)) faults += 1;
      else next.set(line.worker, line.index + 1);
    }
  }
  return { written, faults };
}

function fromCommandLine(): Arguments<'workers' | 'lines' | 'file-bytes'> {
  try {
    return readArguments(process.argv.slice(2), { workers: 8, lines: 20_000, 'file-bytes': 1024 * 1024 });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(EXIT_WRONG_ARGUMENTS);
  }
}

function print(what: string, value: number | string): void {
  console.log(`${what.padEnd(34)}${value}`);
}
