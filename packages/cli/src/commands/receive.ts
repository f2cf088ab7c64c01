import { constants } from 'node:fs';
import { access, type FileHandle, link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CHANNEL_ASSET_UPLOAD } from '@entropynet/core';
import { type ConnectionHandle } from '@entropynet/manager';
import { type Command, Option } from 'commander';
import { CommandFailure, expectOk } from '../support/command-failure.js';
import {
  addConnectionOptions,
  configOf,
  type ConnectionOptions,
  serveAt,
  withManager,
} from '../support/connection-options.js';
import { Progress } from '../support/progress.js';
import { formatBytes, print, printable, tell, type Terminal } from '../support/terminal.js';
import { countIn, hashOfBeginning, textIn, Words } from '../support/transfer.js';

interface ReceiveOptions extends ConnectionOptions {
  readonly once?: true;
  readonly json?: true;
  readonly maxSize: number;
}

/** The longest name that file systems take, with what is put around it meanwhile. */
const MAX_NAME_BYTES = 240;

/** `entropynet receive`: files of `entropynet send` into one folder. */
export function addReceive(program: Command, terminal: Terminal): void {
  addConnectionOptions(program.command('receive'))
    .argument('<folder>', 'where files go; made where it is missing')
    .description('Receive files of "entropynet send" into a folder; each is checked by its SHA-256.')
    .option('-1, --once', 'end after the first transfer')
    .addOption(
      new Option('--max-size <gigabytes>', 'the largest file that is taken').default(64).argParser((text) => {
        const value = Number(text);
        if (!(value > 0)) throw new CommandFailure(`--max-size was given '${text}'; a number above 0 is allowed`, 2);
        return value;
      }),
    )
    .option('--json', 'print one JSON object a file')
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

async function receive(terminal: Terminal, endpoint: string, folder: string, options: ReceiveOptions): Promise<void> {
  const config = configOf(endpoint, options);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new CommandFailure(`the folder ${folder} can't be made: ${(error as Error).message}`);
  });
  await withManager(terminal, async (manager) => {
    const server = await serveAt(terminal, manager, config);
    const inbox = new Inbox(terminal, folder, options);
    const transfers = new Set<Promise<void>>();
    let failure: unknown;
    for (;;) {
      const accepted = await server.accept({ signal: terminal.interrupted });
      if (!accepted.ok) break;
      const transfer = inbox.take(accepted.value).catch((error: unknown) => {
        if (!(error instanceof CommandFailure)) throw error;
        failure = error;
        if (options.once !== true) tell(terminal, `entropynet: ${error.message}`);
      });
      transfers.add(transfer);
      void transfer.finally(() => transfers.delete(transfer));
      if (options.once === true) break;
    }
    await Promise.all(transfers);
    if (options.once === true && failure !== undefined) throw failure as CommandFailure;
  });
}

/** One folder that files are received into. */
class Inbox {
  readonly #terminal: Terminal;
  readonly #folder: string;
  readonly #options: ReceiveOptions;
  /** Names that are being received: two senders must not write to one file. */
  readonly #busy = new Set<string>();

  constructor(terminal: Terminal, folder: string, options: ReceiveOptions) {
    this.#terminal = terminal;
    this.#folder = folder;
    this.#options = options;
  }

  /** Receives one file from a client and lets the client go. */
  async take(client: ConnectionHandle): Promise<void> {
    try {
      // Taken from the first moment on, so that no byte waits for a listener.
      const pieces = client.messages({ channel: CHANNEL_ASSET_UPLOAD, signal: this.#terminal.interrupted });
      const words = await Words.open(client, this.#terminal.interrupted);
      try {
        await this.#takeFile(words, pieces);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        await words.say({ refused: reason });
        throw error instanceof CommandFailure ? error : new CommandFailure(`the transfer failed: ${reason}`);
      }
    } finally {
      await client.close();
    }
  }

  async #takeFile(words: Words, pieces: AsyncIterableIterator<Uint8Array>): Promise<void> {
    const offer = await words.next();
    const name = checkName(textIn(offer, 'name'));
    const size = countIn(offer, 'size');
    const { maxSize } = this.#options;
    if (size > maxSize * 1024 ** 3)
      throw new CommandFailure(`'${name}' has ${formatBytes(size)}; at most ${maxSize} GiB are taken (--max-size)`);
    if (this.#busy.has(name)) throw new CommandFailure(`'${name}' is being received from somebody else`);
    const path = join(this.#folder, name);
    if (await exists(path)) throw new CommandFailure(`there is a '${name}' already`);
    this.#busy.add(name);
    const partPath = join(this.#folder, `.${name}.part`);
    try {
      // Never through a link that somebody put there.
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
      const part = await open(partPath, flags, 0o644);
      try {
        await this.#takeBytes(words, pieces, part, { name, size });
      } finally {
        await part.close();
      }
      // Not a rename, which would replace a file that came to be meanwhile.
      await link(partPath, path);
      await unlink(partPath);
      expectOk(await words.say({ done: true }));
    } finally {
      this.#busy.delete(name);
    }
  }

  async #takeBytes(
    words: Words,
    pieces: AsyncIterableIterator<Uint8Array>,
    part: FileHandle,
    { name, size }: { readonly name: string; readonly size: number },
  ): Promise<void> {
    const status = await part.stat();
    if (!status.isFile()) throw new CommandFailure(`'.${name}.part' is there and is no file`);
    const have = Math.min(status.size, size);
    const beginning = await hashOfBeginning(part, have);
    expectOk(await words.say({ have, sha256: beginning.copy().digest('hex') }));
    const from = countIn(await words.next(), 'from', have);
    if (from !== have && from !== 0)
      throw new CommandFailure(`the sender goes on at ${from}, neither at 0 nor at ${have}`);
    const hash = from === have ? beginning : await hashOfBeginning(part, 0);
    await part.truncate(from);
    const progress = new Progress(this.#terminal, printable(name), size, from);
    try {
      for (let at = from; at < size;) {
        const taken: IteratorResult<Uint8Array, undefined> = await pieces.next();
        if (taken.done === true)
          throw new CommandFailure(`'${name}' broke off at ${at} of ${size} bytes; send it again to go on`);
        const { value } = taken;
        if (at + value.length > size) throw new CommandFailure(`more came than the ${size} bytes of '${name}'`);
        for (let written = 0; written < value.length;)
          written += (await part.write(value, written, value.length - written, at + written)).bytesWritten;
        hash.update(value);
        at += value.length;
        progress.update(at);
      }
    } finally {
      progress.stop();
    }
    await part.sync();
    const sha256 = hash.digest('hex');
    const expected = textIn(await words.next(), 'sha256');
    if (sha256 !== expected) {
      // Nothing of it can be trusted: the next attempt starts from nothing.
      await part.truncate(0);
      throw new CommandFailure(`'${name}' arrived damaged: its SHA-256 is ${sha256}, not ${expected}`);
    }
    if (this.#options.json === true)
      print(this.#terminal, JSON.stringify({ name, size, received: size - from, sha256 }));
    else print(this.#terminal, `received ${printable(name)}: ${formatBytes(size)}, SHA-256 ${sha256}`);
  }
}

/** A name that stays inside the folder, on every system. */
function checkName(name: string): string {
  const isPlain = name !== '' && name !== '.' && name !== '..' && !/[/\\:\p{Cc}]/u.test(name);
  if (isPlain && Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  throw new CommandFailure(
    `the name ${JSON.stringify(name)} is not taken: 1 to ${MAX_NAME_BYTES} bytes without '/', '\\', ':' and control characters`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
