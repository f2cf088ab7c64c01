import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import {
  type MessageRow,
  type PeerActions,
  type PeerHost,
  type PeerReport,
  type PeerRequest,
  type PeerStart,
  PendingCalls,
  type ReceiveOptions,
  type TallySummary,
  within,
} from '@entropynet/conformance/tools';
import type { ConnectionConfig } from '@entropynet/core';

/** The program of a peer in another language. */
export interface LanguageProgram {
  readonly command: string;
  readonly words?: readonly string[];
  /** The working directory. */
  readonly folder?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

type Value = string | number | boolean | undefined;

/** The words of each action's arguments. native/test/conformance/words.h has their form. */
const WORDS: Readonly<Record<string, (...values: never[]) => string[]>> = {
  listen: configWords,
  accept: startWords,
  connect: (config: ConnectionConfig, start: PeerStart) => [...configWords(config), ...startWords(start)],
  receive: (...options: ReceiveOptions[]) => startWords({ receive: options }),
  pause: channelWords,
  send: (row: MessageRow, options: { channel?: string; unawaited?: boolean } = {}) => [
    ...rowWords(row),
    ...word('awaited', options.unawaited !== true),
    ...channelWords(options.channel),
  ],
  flood: (length: number) => word('length', length),
  sendDisconnectAndExit: (row: MessageRow) => [...rowWords(row), ...word('awaited', false)],
  openChannel: channelWords,
  closeChannel: channelWords,
  isChannelOpen: channelWords,
  count: channelWords,
  labels: channelWords,
  keepBusy: (ms: number) => word('ms', ms),
  end: (how: string) => word('how', how),
};

/** Settings that only Node.js has: its way to wait and to reach the memory. */
const NOT_FOR_PEERS = new Set(['backend', 'wait', 'access']);

/** One word, or none without a value. */
function word(key: string, value: Value): string[] {
  if (value === undefined) return [];
  return [`${key}=${typeof value === 'string' ? encodeURIComponent(value) : Number(value)}`];
}

function configWords({ sharedMemory, ...common }: ConnectionConfig): string[] {
  const all = { ...common, ...(sharedMemory as object | undefined) } as Readonly<Record<string, Value>>;
  return Object.entries(all).flatMap(([key, value]) => (NOT_FOR_PEERS.has(key) ? [] : word(key, value)));
}

function startWords({ receive = [], startReceiving }: PeerStart = {}): string[] {
  const taken = receive.map(({ channel = '', ownership = 'copy', busyMs = 0, echo = false }) => {
    return `receive=${encodeURIComponent(channel)},${ownership},${busyMs},${Number(echo)}`;
  });
  return [...taken, ...word('startReceiving', startReceiving)];
}

function rowWords({ lengths, count, seed }: MessageRow): string[] {
  return [...lengths.flatMap((length) => word('length', length)), ...word('count', count), ...word('seed', seed)];
}

function channelWords(channel?: string): string[] {
  return word('channel', channel);
}

/** The line of a request. */
function lineOf({ id, action, args }: PeerRequest): string {
  return `${[id, action, ...(WORDS[action]?.(...(args as never[])) ?? [])].join(' ')}\n`;
}

/** The value of a reply as the actions of a peer in Node.js give it. */
function valueOf(text: string): unknown {
  const value = JSON.parse(text, (_key, part: unknown) =>
    typeof part === 'string' ? decodeURIComponent(part) : part,
  ) as unknown;
  if (typeof value !== 'object' || value === null || !('stateCodes' in value)) return value;
  const report = value as unknown as PeerReport & { received: readonly [string, TallySummary][] };
  return {
    ...report,
    stateCodes: report.stateCodes.map((code) => code ?? undefined),
    received: new Map(report.received),
  };
}

/** Starts a peer in another language. A program that ends in another way than it was asked to fails the test. */
export async function startLanguagePeer({
  command,
  words = [],
  folder,
  environment,
}: LanguageProgram): Promise<PeerHost> {
  const child = spawn(command, words, { cwd: folder, env: { ...process.env, ...environment } });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  // The exit shows that a program died meanwhile.
  child.stdin.on('error', () => undefined);
  const calls = new PendingCalls((request) => child.stdin.write(lineOf(request)));
  const ended = (once(child, 'close') as Promise<[number | null, string | null]>).then(([code, signal]) => {
    calls.end(`the peer ended: ${signal ?? `code ${code}`} ${errors}`);
    return signal ?? code ?? -1;
  });
  const ready = calls.whenReady();
  createInterface(child.stdout).on('line', (line) => {
    takeLine(calls, line);
  });
  await within(ready, `${command} is ready`);
  return hostOf(child, calls, ended, () => errors);
}

function takeLine(calls: PendingCalls, line: string): void {
  const space = line.indexOf(' ');
  if (space < 0) {
    calls.take(line);
    return;
  }
  const id = Number(line.slice(0, space));
  const text = line.slice(space + 1);
  calls.take(text.startsWith('!') ? { id, failure: text.slice(1) } : { id, value: valueOf(text) });
}

function hostOf(
  child: ChildProcess,
  calls: PendingCalls,
  ended: Promise<number | string>,
  errors: () => string,
): PeerHost {
  let wasKilled = false;
  let isStopped = false;
  return {
    actions: calls.actions<PeerActions>(),
    get isAlive(): boolean {
      // A program that was killed answers no more, also before its end is known here.
      return !calls.isEnded && !wasKilled;
    },
    ended,
    signal: (name) => {
      wasKilled ||= name === 'SIGKILL';
      isStopped = name === 'SIGSTOP';
      child.kill(name);
    },
    [Symbol.asyncDispose]: async () => {
      // A stopped program can't end. Windows has no such signal.
      if (isStopped) child.kill('SIGCONT');
      child.stdin?.end();
      const wasAlive = !calls.isEnded;
      const how = await within(ended, 'a peer ended', 20_000).catch((failure: unknown) => {
        child.kill('SIGKILL');
        throw failure;
      });
      // They include a finding of a sanitizer.
      if (wasAlive && !wasKilled && (how !== 0 || errors() !== ''))
        throw new Error(`the peer ended with ${how}: ${errors()}`);
    },
  };
}
