import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '@entropynet/conformance/tools';
import type { HashFile } from '@entropynet/streams/internal/files/file-hash';
import { Inbox, type ReservedName } from '@entropynet/streams/internal/files/inbox';
import { receiveInto, type ReceivedFile } from '@entropynet/streams/internal/files/receive-file';
import { sendFrom, type SentFile } from '@entropynet/streams/internal/files/send-file';
import type { TransferTimes, Word } from '@entropynet/streams/internal/files/words';
import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, NetworkError, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, ConnectionManager } from '@entropynet/manager';
import { freshName } from '@entropynet/test/support/fresh-name';

/** The options of both sides that no test changes. */
export const COMMON: Omit<Parameters<typeof sendFrom>[1], 'name' | 'open'> = {
  channel: CHANNEL_ASSET_UPLOAD,
  controlChannel: CHANNEL_CONTROL,
  signal: new AbortController().signal,
  onProgress: () => undefined,
};

/** Time that passes when the test says so. */
export class ManualTime implements TransferTimes {
  readonly silenceMs = 30_000;
  readonly talkMs = 5000;
  #now = 0;
  readonly #timers = new Map<object, { readonly due: number; readonly callback: () => void }>();

  readonly after = (milliseconds: number, callback: () => void): (() => void) => {
    const timer = {};
    this.#timers.set(timer, { due: this.#now + milliseconds, callback });
    return () => {
      this.#timers.delete(timer);
    };
  };

  /** The number of time limits that have begun. */
  get started(): number {
    return this.#timers.size;
  }

  /** Lets so much time pass; what is due then is called in order. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const [timer, { due, callback }] of [...this.#timers].sort(([, a], [, b]) => a.due - b.due)) {
      if (due > this.#now || !this.#timers.delete(timer)) continue;
      callback();
    }
  }
}

/** A folder, a file to be sent, and connections to a receiver of the folder. */
export async function setUp(scope: Scope): Promise<{ inbox: string; path: string; connect: () => Promise<Ends> }> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-transfer-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const inbox = join(folder, 'inbox');
  await mkdir(inbox);
  const manager = new ConnectionManager([new LoopbackTransport()]);
  const endpoint = `loopback:${freshName()}`;
  const server = unwrap(manager.createServer({ endpoint }));
  unwrap(await server.listen());
  scope.defer(() => server.close());
  const connect = async (): Promise<Ends> => {
    const sender = unwrap(manager.openConnection({ endpoint }));
    unwrap(await sender.connect());
    const receiver = unwrap(await server.accept());
    scope.defer(() => sender.close());
    scope.defer(() => receiver.close());
    return { sender, receiver };
  };
  return { inbox, path: join(folder, 'file'), connect };
}

/** The handles of both ends. */
export interface Ends {
  readonly sender: ConnectionHandle;
  readonly receiver: ConnectionHandle;
}

/** A file of 1000 bytes, and a receiver by hand. */
export async function shortOffer(scope: Scope): Promise<Ends & { readonly path: string; readonly side: RawSide }> {
  const { path, connect } = await setUp(scope);
  await writeFile(path, Buffer.alloc(1000, 'file'));
  const ends = await connect();
  return { ...ends, path, side: await RawSide.open(ends.receiver) };
}

/** The parts of a side that a test replaces. */
export interface Extra {
  readonly times?: TransferTimes;
  readonly hash?: HashFile;
}

/** Receives a file into the folder; returns the error of a failure. */
export function receive(
  receiver: ConnectionHandle,
  inbox: string,
  extra: Extra = {},
): Promise<ReceivedFile | NetworkError> {
  return receiveInto(receiver, {
    ...COMMON,
    openInbox: () => Inbox.open(inbox),
    maxBytes: 1_000_000_000,
    ...extra,
  }).catch(failure);
}

/** Sends a file; returns the error of a failure. */
export async function send(
  sender: ConnectionHandle,
  path: string,
  extra: Extra & { readonly name?: string } = {},
): Promise<SentFile | NetworkError> {
  return await sendFrom(sender, { ...COMMON, name: 'file', open: () => open(path), ...extra }).catch(failure);
}

function failure(error: unknown): NetworkError {
  if (error instanceof NetworkError) return error;
  throw error;
}

/** A side without the code of a transfer: the test chooses its words. */
export class RawSide {
  readonly #handle: ConnectionHandle;
  readonly #words: AsyncIterator<Uint8Array, undefined>;

  private constructor(handle: ConnectionHandle) {
    this.#handle = handle;
    this.#words = handle.messages({ channel: CHANNEL_CONTROL });
  }

  static async open(handle: ConnectionHandle): Promise<RawSide> {
    const side = new RawSide(handle);
    unwrap(await handle.openChannel(CHANNEL_CONTROL));
    unwrap(await handle.openChannel(CHANNEL_ASSET_UPLOAD));
    return side;
  }

  async say(word: Word): Promise<void> {
    unwrap(await this.#handle.sendOnChannel(CHANNEL_CONTROL, new TextEncoder().encode(JSON.stringify(word))));
  }

  async piece(data: Uint8Array): Promise<void> {
    unwrap(await this.#handle.sendOnChannel(CHANNEL_ASSET_UPLOAD, data));
  }

  async next(): Promise<Word> {
    return JSON.parse(new TextDecoder().decode((await this.#words.next()).value)) as Word;
  }
}

/** The same handle, whose `sendOnChannel` is another function. */
export function withSend(handle: ConnectionHandle, sendOnChannel: ConnectionHandle['sendOnChannel']): ConnectionHandle {
  return new Proxy(handle, {
    get(target, name) {
      const member = name === 'sendOnChannel' ? sendOnChannel : (Reflect.get(target, name, target) as unknown);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** A folder on a disk that has no room for the bytes of a file from a place on. */
export class FullInbox extends Inbox {
  readonly #scope: Scope;
  readonly #room: number;

  constructor(folder: string, scope: Scope, room: number) {
    super(folder);
    this.#scope = scope;
    this.#room = room;
  }

  override reserve(name: string): ReservedName {
    const reserved = super.reserve(name);
    const create = reserved.create.bind(reserved);
    reserved.create = async () => {
      const part = await create();
      const { file } = part;
      const full = await open('/dev/full', 'r+');
      this.#scope.defer(() => full.close());
      const write = file.write.bind(file);
      file.write = ((bytes: Uint8Array, offset: number, length: number, position: number) =>
        (position + length > this.#room ? full.write.bind(full) : write)(bytes, offset, length, position)) as never;
      return part;
    };
    return reserved;
  }
}

export function sha256Of(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
