import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { CHANNEL_ASSET_UPLOAD } from '@entropynet/core';
import { type ConnectionHandle } from '@entropynet/manager';
import { type Command } from 'commander';
import { CommandFailure, ExitCode, expectOk } from '../support/command-failure.js';
import {
  addConnectionOptions,
  configOf,
  connectTo,
  type ConnectionOptions,
  withManager,
} from '../support/connection-options.js';
import { Progress } from '../support/progress.js';
import { formatBytes, print, type Terminal } from '../support/terminal.js';
import { countIn, hashOfBeginning, PIECE_BYTES, Words } from '../support/transfer.js';

interface SendOptions extends ConnectionOptions {
  readonly name?: string;
  readonly json?: true;
}

/** `entropynet send`: one file to `entropynet receive`. */
export function addSend(program: Command, terminal: Terminal): void {
  addConnectionOptions(program.command('send').argument('<file>', 'what to send'))
    .description('Send a file to "entropynet receive"; a transfer that broke goes on where it was.')
    .option('--name <name>', 'what it is called there', '')
    .option('--json', 'print one JSON object at the end')
    .addHelpText(
      'after',
      `
Example, with "entropynet receive inbox ./received" in another terminal:
  entropynet send level.pak inbox`,
    )
    .action((file: string, endpoint: string, options: SendOptions) => send(terminal, file, endpoint, options));
}

async function send(terminal: Terminal, path: string, endpoint: string, options: SendOptions): Promise<void> {
  const config = configOf(endpoint, options);
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new CommandFailure(`${path} can't be read: ${(error as Error).message}`, ExitCode.Usage);
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new CommandFailure(`${path} is not a file`, ExitCode.Usage);
    const name = options.name === '' || options.name === undefined ? basename(path) : options.name;
    await withManager(terminal, async (manager) => {
      const handle = await connectTo(terminal, manager, config);
      const words = await Words.open(handle, terminal.interrupted);
      expectOk(await handle.openChannel(CHANNEL_ASSET_UPLOAD));
      expectOk(await words.say({ name, size: status.size }));
      const offer = await words.next();
      const have = countIn(offer, 'have', status.size);
      const hash = await hashOfBeginning(file, have);
      const isOurs = hash.copy().digest('hex') === offer['sha256'];
      const from = isOurs ? have : 0;
      expectOk(await words.say({ from }));
      const whole = isOurs ? hash : await hashOfBeginning(file, 0);
      const start = performance.now();
      const refusal = words.next(2 ** 31 - 1);
      // Heard of at the end, or when sending fails because of it.
      refusal.catch(() => undefined);
      const progress = new Progress(terminal, name, status.size, from);
      try {
        await sendBytes(terminal, handle, file, { from, size: status.size }, (bytes, piece) => {
          whole.update(piece);
          progress.update(bytes);
        });
      } catch (error) {
        throw await Promise.race([
          refusal.then(
            () => error,
            (reason: unknown) => reason,
          ),
          Promise.resolve(error),
        ]);
      } finally {
        progress.stop();
      }
      const sha256 = whole.digest('hex');
      expectOk(await words.say({ sha256 }));
      await refusal;
      const seconds = (performance.now() - start) / 1000;
      const report = { name, size: status.size, sent: status.size - from, sha256, seconds };
      if (options.json === true) print(terminal, JSON.stringify(report, undefined, 2));
      else print(terminal, describe(report));
    });
  } finally {
    await file.close();
  }
}

async function sendBytes(
  terminal: Terminal,
  handle: ConnectionHandle,
  file: Awaited<ReturnType<typeof open>>,
  { from, size }: { readonly from: number; readonly size: number },
  onSent: (bytes: number, piece: Uint8Array) => void,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = from; at < size;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(PIECE_BYTES, size - at), at);
    if (bytesRead === 0) throw new CommandFailure(`the file became shorter while it was sent: ${at} of ${size} bytes`);
    const piece = buffer.subarray(0, bytesRead);
    expectOk(await handle.sendOnChannel(CHANNEL_ASSET_UPLOAD, piece, { signal: terminal.interrupted }));
    at += bytesRead;
    onSent(at, piece);
  }
}

function describe(report: { name: string; size: number; sent: number; sha256: string; seconds: number }): string {
  const { name, size, sent, sha256, seconds } = report;
  const part = sent === size ? '' : `, ${formatBytes(size - sent)} of it were there already`;
  return `sent ${name}: ${formatBytes(size)}${part}, in ${seconds.toFixed(2)} s, SHA-256 ${sha256}`;
}
