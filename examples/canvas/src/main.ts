/** `npm start`: an engine and an editor, three times over, with one configuration file. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionConfig } from '@entropynet/core';
import { type Arguments, HELP, readArguments } from './arguments.js';
import type { RunResult } from './messages.js';
import { formatTable } from './report.js';
import { performRun, type Run } from './run.js';

const EXIT_WRONG_ARGUMENTS = 2;

const children = new Set<ChildProcess>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of children) child.kill();
    process.exitCode = 1;
  });
}
await main();

async function main(): Promise<void> {
  let options: Arguments;
  try {
    options = readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message.split('\n')[0] : String(error)}\n`);
    process.exitCode = EXIT_WRONG_ARGUMENTS;
    return;
  }
  if (options.help) process.stdout.write(HELP);
  else await runAll(options);
}

async function runAll({ file, json }: Arguments): Promise<void> {
  const results: RunResult[] = [];
  try {
    for (const run of runs()) results.push(await performRun(run, await freshConfig(), file, children));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
    return;
  }
  process.stdout.write(json ? `${JSON.stringify({ runs: results })}\n` : formatTable(results));
  if (results.some((result) => result.lost > 0 || !result.sha256Match)) process.exitCode = 1;
}

/** The same programs and the same configuration, but for one word. */
function runs(): Run[] {
  const elsewhere = { directory: join(tmpdir(), `entropynet-canvas-${randomBytes(4).toString('hex')}`) };
  return [
    { title: 'shared memory', engine: { backend: 'auto' }, editor: {} },
    { title: 'WebSocket', engine: { backend: 'auto' }, editor: { backend: 'websocket' } },
    // `auto` takes shared memory where it can be had and says why where it can't: here the editor looks for the server
    // in a folder that nobody shares with it, as in a container without the engine's volume.
    {
      title: 'shared memory out of reach',
      engine: { backend: 'auto' },
      editor: { backend: 'auto', sharedMemory: elsewhere },
    },
  ];
}

/** The configuration file with a name and a port that nobody else uses, so that several of these programs can run at once. */
async function freshConfig(): Promise<ConnectionConfig> {
  const config = JSON.parse(readFileSync(new URL('../canvas.json', import.meta.url), 'utf8')) as ConnectionConfig;
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return {
    ...config,
    endpoint: `${config.endpoint}-${randomBytes(4).toString('hex')}`,
    fallback: config.fallback?.map((address) => address.replace(/:\d+\//, `:${port}/`)) ?? [],
  };
}
