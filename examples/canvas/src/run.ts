import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConnectionConfig } from '@entropynet/core';
import type { RunResult, ToMain } from './messages.js';
import { ProgressBar } from './progress.js';

/** One run: its title, and what is different from the configuration file. */
export interface Run {
  readonly title: string;
  readonly engine: Partial<ConnectionConfig>;
  readonly editor: Partial<ConnectionConfig>;
}

/** Starts an engine and an editor, waits for both, and returns what the editor saw. Leaves nothing behind. */
export async function performRun(
  run: Run,
  config: ConnectionConfig,
  file: string,
  children: Set<ChildProcess>,
): Promise<RunResult> {
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-canvas-'));
  const progress = new ProgressBar(run.title);
  try {
    const engineFile = writeConfig(folder, 'engine', { ...config, ...run.engine, sharedMemory: { directory: folder } });
    const editorFile = writeConfig(folder, 'editor', {
      ...config,
      sharedMemory: { directory: folder },
      ...run.editor,
    });
    return await new Promise<RunResult>((resolve, reject) => {
      let result: RunResult | undefined;
      let running = 0;
      const start = (program: 'engine' | 'editor', ...argv: string[]): void => {
        const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), argv);
        children.add(child);
        running += 1;
        child.on('message', (message: ToMain) => {
          if (message.kind === 'listening') start('editor', editorFile, file);
          else if (message.kind === 'progress') progress.show(message.sent, message.total);
          else if (message.kind === 'result') ({ result } = message);
          else reject(new Error(message.reason));
        });
        child.on('exit', (code, signal) => {
          children.delete(child);
          running -= 1;
          if (code !== 0)
            reject(new Error(`the ${program} process ended early (${signal ?? `exit code ${code ?? 0}`})`));
          else if (running === 0 && result !== undefined) resolve(result);
          else if (running === 0) reject(new Error('both processes ended without a result'));
        });
      };
      start('engine', engineFile);
    });
  } finally {
    progress.done();
    for (const child of children) child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeConfig(folder: string, name: string, config: ConnectionConfig): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(config, undefined, 2));
  return path;
}
