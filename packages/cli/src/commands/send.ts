import { access, constants, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Command } from 'commander';
import { monotonicNow } from '@entropynet/core/platform';
import { sendFile } from '@entropynet/streams/files';
import { CommandFailure, ExitCode } from '../support/command-failure.js';
import { configOf } from '../support/connection-config.js';
import {
  addClientOptions,
  addConnectionOptions,
  connectTo,
  type ConnectionOptions,
  withManager,
} from '../support/connection-options.js';
import { reasonOf } from '../support/paths.js';
import { Progress } from '../support/progress.js';
import { TRANSFER_CHANNELS, transferred } from '../support/transfers.js';
import { formatBytes, print, printJson, type Terminal } from '../support/terminal.js';

interface SendOptions extends ConnectionOptions {
  readonly name?: string;
  readonly json?: true;
}

/** `entropynet send` sends one file to `entropynet receive`. */
export function addSend(program: Command, terminal: Terminal): void {
  addClientOptions(addConnectionOptions(program.command('send').argument('<file>', 'the file to send')))
    .description('Send a file to "entropynet receive"; an interrupted transfer continues where it stopped.')
    .option('--name <name>', 'its name at the receiver; without it, the name of the file')
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
  const unreadable = (error: unknown): never => {
    throw new CommandFailure(`${path} can't be read: ${reasonOf(error)}`, ExitCode.Usage);
  };
  if (path === '') throw new CommandFailure('<file> was given nothing; the path of a file is allowed', ExitCode.Usage);
  // The check comes before the connection, because an unreadable file is wrong usage.
  if (!(await stat(path).catch(unreadable)).isFile()) throw new CommandFailure(`${path} is not a file`, ExitCode.Usage);
  await access(path, constants.R_OK).catch(unreadable);
  await withManager(terminal, async (manager) => {
    const handle = await connectTo(terminal, manager, config);
    const start = monotonicNow();
    using view = new Progress(terminal);
    const sent = await sendFile(handle, path, {
      name: options.name ?? basename(path),
      ...TRANSFER_CHANNELS,
      signal: terminal.interrupted,
      onProgress: (progress) => {
        view.show(progress);
      },
    });
    view[Symbol.dispose]();
    const report = { ...transferred(sent, path), seconds: (monotonicNow() - start) / 1000 };
    if (options.json === true) printJson(terminal, report, 2);
    else print(terminal, describe(report));
  });
}

function describe(report: { name: string; size: number; sent: number; sha256: string; seconds: number }): string {
  const { name, size, sent, sha256, seconds } = report;
  const part = sent === size ? '' : `, ${formatBytes(size - sent)} of it had arrived before`;
  return `sent ${name}: ${formatBytes(size)}${part}, in ${seconds.toFixed(2)} s, SHA-256 ${sha256}`;
}
