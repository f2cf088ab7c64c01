/** The broker process: keeps a NATS server for as long as the process that started it is there. */
import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import type { FromBroker } from './nats-broker.js';

/** Where Debian puts it, and a plain user's PATH does not look. */
const FURTHER_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];
const READY = /Listening for client connections on [^\n]*:(\d+)\n[^]*Server is ready/;

/** Opens the way to a program that is not in PATH. */
const program = process.env['NATS_SERVER'] ?? 'nats-server';

const server = spawn(program, ['-c', process.argv[2] ?? 'nats.conf'], {
  env: { ...process.env, PATH: [process.env['PATH'] ?? '', ...FURTHER_FOLDERS].join(delimiter) },
  stdio: ['ignore', 'ignore', 'pipe'],
});

// A terminal sends Ctrl-C to every process; the main process decides when this one ends.
process.on('SIGINT', () => undefined);
process.once('disconnect', () => {
  server.kill('SIGKILL');
});

let output = '';
let isReady = false;
server.stderr.on('data', (text: Buffer) => {
  if (isReady) return;
  output += text.toString();
  const port = READY.exec(output)?.[1];
  if (port === undefined) return;
  isReady = true;
  tell({ kind: 'ready', port: Number(port) });
});
server.once('error', (error: NodeJS.ErrnoException) => {
  const isMissing = error.code === 'ENOENT';
  tell({
    kind: 'failed',
    reason: isMissing
      ? `--nats needs the program ${program}, which is not installed: get it by "apt-get install nats-server" on Debian and Ubuntu, or from https://nats.io/download`
      : `the program ${program} of --nats can't be started: ${error.message}`,
  });
});
server.once('exit', () => {
  if (!isReady) tell({ kind: 'failed', reason: `nats-server ended early: ${output.trim().split('\n').at(-1) ?? ''}` });
});
server.once('close', () => {
  if (process.connected) process.disconnect();
});

function tell(message: FromBroker): void {
  if (process.connected) process.send?.(message);
}
