import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';

/** The end of a program. */
export interface Outcome {
  /** Undefined if a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The current folder of the program. */
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The settings of this workspace, which must not reach a project outside of it. */
const OWN_SETTINGS =
  /^(?:npm_(?:lifecycle|package|config_local_prefix)|NODE_OPTIONS$|INIT_CWD$|ENTROPYNET_ADDON_PATH$)/;

/** Runs a program to its end, without the workspace's own settings. */
export function runProgram(
  command: string,
  parameters: readonly string[],
  { folder, environment = {} }: RunOptions,
): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !OWN_SETTINGS.test(name));
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
  const env = { ...Object.fromEntries(inherited), PATH: path.join(delimiter), ...environment };
  return new Promise((done) => {
    execFile(command, parameters, { cwd: folder, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : undefined, stdout, stderr });
    });
  });
}

/** Runs the npm that started this process, or else the one on PATH. */
export function runNpm(parameters: readonly string[], options: RunOptions): Promise<Outcome> {
  const script = process.env['npm_execpath'];
  if (script !== undefined) return runProgram(process.execPath, [script, ...parameters], options);
  return runProgram('npm', parameters, options);
}

/** Returns the outcome of a successful program. Otherwise throws an error with its output. */
export function succeeded(outcome: Outcome): Outcome {
  if (outcome.code === 0) return outcome;
  throw new Error(`a program ended with code ${String(outcome.code)}:\n${outcome.stdout}\n${outcome.stderr}`);
}
