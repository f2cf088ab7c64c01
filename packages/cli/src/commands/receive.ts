import { describeThrown } from '@entropynet/core';
import { type ConnectionHandle } from '@entropynet/manager';
import { receiveFile, type ReceivedFile } from '@entropynet/streams/files';
import { type Command, InvalidArgumentError } from 'commander';
import { CommandFailure } from '../support/command-failure.js';
import { configOf } from '../support/connection-config.js';
import {
  addConnectionOptions,
  addServerOptions,
  type ConnectionOptions,
  serveAt,
  withManager,
} from '../support/connection-options.js';
import { prepareFolder } from '../support/paths.js';
import { Progress } from '../support/progress.js';
import { TRANSFER_CHANNELS, transferred } from '../support/transfers.js';
import { formatBytes, print, printJson, tell, type Terminal } from '../support/terminal.js';

interface ReceiveOptions extends ConnectionOptions {
  readonly once?: true;
  readonly json?: true;
  readonly maxSize: number;
}

/** `entropynet receive` saves files of `entropynet send` in one folder. */
export function addReceive(program: Command, terminal: Terminal): void {
  addServerOptions(addConnectionOptions(program.command('receive')))
    .argument('<folder>', 'the folder for the files; created if it is missing')
    .description('Receive files from "entropynet send" into a folder, and check the SHA-256 of each.')
    .option('-1, --once', 'end after the first transfer')
    .option('--max-size <gigabytes>', 'the largest allowed file', positiveNumber, 64)
    .option('--json', 'print one JSON object for each file')
    .addHelpText(
      'after',
      `
Example, for "entropynet send level.pak inbox":
  entropynet receive inbox ./received`,
    )
    .action((endpoint: string, folder: string, options: ReceiveOptions) =>
      receive(terminal, endpoint, folder, options),
    );
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError(`'${text}' is not a number above 0.`);
}

async function receive(terminal: Terminal, endpoint: string, folder: string, options: ReceiveOptions): Promise<void> {
  const config = configOf(endpoint, options);
  await prepareFolder(folder);
  await withManager(terminal, async (manager) => {
    const server = await serveAt(terminal, manager, config);
    const transfers = new Set<Promise<void>>();
    const failures: CommandFailure[] = [];
    for (;;) {
      const accepted = await server.accept({ signal: terminal.interrupted });
      if (!accepted.ok) break;
      // Whatever ends one transfer, the others continue.
      const transfer = take(terminal, accepted.value, folder, options)
        .catch((error: unknown) => {
          const failure = error instanceof CommandFailure ? error : new CommandFailure(describeThrown(error));
          if (options.once === true) failures.push(failure);
          else tell(terminal, `entropynet: ${failure.message}`);
        })
        .finally(() => transfers.delete(transfer));
      transfers.add(transfer);
      if (options.once === true) break;
    }
    await Promise.all(transfers);
    if (failures[0] !== undefined) throw failures[0];
  });
}

/** Receives one file from a client, reports it, and ends the connection. */
async function take(
  terminal: Terminal,
  client: ConnectionHandle,
  folder: string,
  options: ReceiveOptions,
): Promise<void> {
  try {
    using view = new Progress(terminal);
    const received = await receiveFile(client, folder, {
      ...TRANSFER_CHANNELS,
      maxBytes: Math.floor(options.maxSize * 1024 ** 3),
      signal: terminal.interrupted,
      onProgress: (progress) => {
        view.show(progress);
      },
    });
    view[Symbol.dispose]();
    const file = transferred(received, folder);
    if (options.json === true) printJson(terminal, file);
    else print(terminal, describe(file));
  } finally {
    await client.close();
  }
}

function describe({ name, size, sha256 }: ReceivedFile): string {
  return `received ${name}: ${formatBytes(size)}, SHA-256 ${sha256}`;
}
