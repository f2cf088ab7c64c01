// Builds the native addon from the sources that the package holds. Plain Node.js without dependencies: the set-up of the
// workspace uses it before anything else is there, and `entropynet-build-addon` where a prebuilt addon does not fit.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the package lies. */
export const addonFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Holds `binding.gyp`: npm compiles every package that has this file at its root when it installs from a lockfile. */
const nativeFolder = join(addonFolder, 'native');
const buildFolder = join(addonFolder, 'build');

const installHints = {
  linux: 'install g++ (Debian: apt-get install g++ make python3)',
  darwin: 'install the command line tools (xcode-select --install)',
  win32: 'install Python 3 and the Visual Studio Build Tools with the C++ workload',
};

const NO_ADDON_HEADERS =
  'The headers of node-addon-api were not found, so shared memory is not available here and WebSocket is used instead: ' +
  'run "npm install --save-dev node-addon-api@8" and the command again.';

/** Runs a program to its end with its output captured, so that it is shown only when it matters. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`;
  return { succeeded: result.status === 0, output };
}

/** Whether a built addon is there. */
export function isAddonBuilt() {
  const folder = join(buildFolder, 'Release');
  return existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.node'));
}

/** An addon made from other sources must not stay behind: it could disagree with the TypeScript about the layout. */
function removeBuild() {
  for (const folder of [buildFolder, join(nativeFolder, 'build')]) rmSync(folder, { recursive: true, force: true });
}

function firstThatRuns(commands) {
  return commands.find((command) => command && run(command, ['--version']).succeeded);
}

function missing(sentenceStart) {
  const hint = installHints[process.platform] ?? 'install a C++ compiler, make and Python 3';
  const consequence = 'so shared memory is not available here and WebSocket is used instead';
  return { problem: `${sentenceStart}, ${consequence}: ${hint} and run the command again.` };
}

/** The tools node-gyp will need, looked for beforehand so that their absence costs one sentence and not a page. */
function findBuildTools() {
  // On Windows node-gyp looks for Visual Studio and Python in places that PATH doesn't show.
  if (process.platform === 'win32') return { environment: {} };
  const python = firstThatRuns([process.env.npm_config_python, process.env.PYTHON, 'python3', 'python']);
  if (!python) return missing('No Python was found');
  if (!firstThatRuns([process.env.MAKE, 'make', 'gmake'])) return missing('No make was found');
  const compiler = firstThatRuns(process.env.CXX ? [process.env.CXX.split(' ')[0]] : ['g++', 'c++', 'clang++']);
  if (!compiler) return missing('No C++ compiler was found');
  return { environment: process.env.CXX ? {} : { CXX: compiler } };
}

/**
 * The folder that holds node-addon-api, the C++ headers of Node-API. Only a build needs them, so the package does not depend
 * on them: they lie beside it, as in the workspace, or in the project whose user builds.
 */
function findAddonHeaders() {
  for (const folder of [addonFolder, process.cwd()]) {
    try {
      return dirname(dirname(createRequire(join(folder, 'package.json')).resolve('node-addon-api/package.json')));
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** The folder whose include/node holds the headers of the running Node.js, where they were installed with it. */
export function nodeHeadersFolder() {
  const prefix = resolve(dirname(realpathSync(process.execPath)), '..');
  const headers = join(prefix, 'include', 'node');
  const areComplete = ['node_api.h', 'common.gypi'].every((name) => existsSync(join(headers, name)));
  return areComplete ? prefix : undefined;
}

/** Spares node-gyp a download. */
function nodeHeaderArguments() {
  if (process.env.npm_config_nodedir) return [];
  const folder = nodeHeadersFolder();
  return folder === undefined ? [] : [`--nodedir=${folder}`];
}

/**
 * Builds the addon into `build/Release`; what was built before is removed.
 *
 * @param nodeGyp the script of node-gyp
 * @param compilerFlags added to those that the addon is built with
 * @returns nothing where it succeeded; else `problem`, a sentence for the user, and `log`, what node-gyp printed, where
 * it was node-gyp that failed
 */
export function buildAddon({ nodeGyp, compilerFlags = '' }) {
  const tools = findBuildTools();
  removeBuild();
  if (tools.problem) return tools;
  const headers = findAddonHeaders();
  if (headers === undefined) return { problem: NO_ADDON_HEADERS };
  const nodePath = [headers, process.env.NODE_PATH].filter(Boolean).join(delimiter);
  const flags = compilerFlags && { CXXFLAGS: `${process.env.CXXFLAGS ?? ''} ${compilerFlags}`.trim() };
  const { succeeded, output } = run(process.execPath, [nodeGyp, 'rebuild', '--jobs=max', ...nodeHeaderArguments()], {
    cwd: nativeFolder,
    env: { ...process.env, NODE_PATH: nodePath, ...tools.environment, ...flags },
  });
  // The addon is looked for beside the package's manifest.
  if (succeeded) renameSync(join(nativeFolder, 'build'), buildFolder);
  if (succeeded && isAddonBuilt()) return {};
  removeBuild();
  if (/gyp ERR! find (?:VS|Python)/.test(output)) return missing('No C++ toolchain was found');
  return {
    problem:
      'The shared-memory addon could not be built (the end of its log is above), ' +
      'so shared memory is not available here and WebSocket is used instead.',
    log: output,
  };
}
