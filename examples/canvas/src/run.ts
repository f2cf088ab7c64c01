import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConnectionConfig } from '@entropynet/core';
import { freshConfig } from './configuration.js';
import type { RunResult, ToMain } from './messages.js';
import type { NatsBroker } from './nats-broker.js';
import { Progress } from './progress.js';

/** One run: what is different from the configuration file. */
export interface Run {
  readonly title: string;
  readonly backend: 'auto' | 'websocket' | 'nats';
  /** Whether the editor sees the engine's shared-memory directory. */
  readonly sharesDirectory: boolean;
  /** The NATS server, for a run over it. */
  readonly broker?: NatsBroker;
}

type Program = 'engine' | 'editor';

/** Starts an engine and an editor, waits for both, and returns what the editor saw. Leaves nothing behind. */
export async function performRun(run: Run, file: string, signal: AbortSignal): Promise<RunResult> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-canvas-'));
  const children = new Set<ChildProcess>();
  const progress = new Progress(run.title);
  try {
    const config = { ...withBroker(await freshConfig(folder), run.broker), backend: run.backend };
    const engineFile = writeConfig(folder, 'engine', config);
    // The same file for both, but for an editor in another container: it looks for the engine in a folder of its own.
    const elsewhere = { ...config.sharedMemory, directory: join(folder, 'elsewhere') };
    const editorFile = run.sharesDirectory
      ? engineFile
      : writeConfig(folder, 'editor', { ...config, sharedMemory: elsewhere });
    signal.throwIfAborted();
    const result = await runProcesses({ engineFile, editorFile, file, progress, children, signal });
    progress.done();
    return result;
  } catch (error) {
    progress.clear();
    throw error;
  } finally {
    await Promise.all([...children].map(kill));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** With one more address: a server listens on it, and a client tries it last. */
function withBroker(config: ConnectionConfig, broker: NatsBroker | undefined): ConnectionConfig {
  if (broker === undefined) return config;
  const { endpoint, nats } = broker.config;
  return { ...config, fallback: [...(config.fallback ?? []), endpoint], nats };
}

interface Processes {
  readonly engineFile: string;
  readonly editorFile: string;
  readonly file: string;
  readonly progress: Progress;
  /** Those that run. */
  readonly children: Set<ChildProcess>;
  readonly signal: AbortSignal;
}

/** The engine first; the editor once it listens. Rejects as soon as one of them breaks off. */
function runProcesses({ engineFile, editorFile, file, progress, children, signal }: Processes): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    let result: RunResult | undefined;
    /** The first failure: the other process may then fail because of it. */
    let reason: string | undefined;
    const start = (program: Program, ...argv: string[]): void => {
      const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), argv, {
        // Standard output is the main process's alone.
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      children.add(child);
      child.on('message', (message: ToMain) => {
        if (message.kind === 'progress') progress.show(message.sent, message.total);
        else if (message.kind === 'result') ({ result } = message);
        else if (message.kind === 'failed') reason ??= `The ${program} process ended early because ${message.reason}.`;
        else start('editor', editorFile, file);
      });
      child.once('error', reject);
      child.once('exit', (code, killedBy) => {
        children.delete(child);
        if (code !== 0) reject(new Error(describeEnd(program, code, killedBy, reason)));
        else if (children.size === 0 && result !== undefined) resolve(result);
        else if (children.size === 0) reject(new Error('Both processes ended without a result.'));
      });
    };
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    start('engine', engineFile);
  });
}

function describeEnd(program: Program, code: number | null, killedBy: string | null, reason?: string): string {
  if (killedBy !== null) return `The ${program} process was killed by ${killedBy}.`;
  return reason ?? `The ${program} process ended early with exit code ${code ?? 'unknown'}.`;
}

/** By its own id, and for certain: a process that is stopped would not see anything gentler. */
async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  if (child.kill('SIGKILL')) await exited;
}

function writeConfig(folder: string, name: Program, config: ConnectionConfig): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(config, undefined, 2));
  return path;
}
