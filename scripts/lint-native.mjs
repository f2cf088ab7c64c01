// Checks the C and C++ sources: their format, their length, and that the platform layer knows nothing of Node.
// With --fix the format is corrected instead of reported.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const rootFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const transportFolder = join(rootFolder, 'packages', 'transport-shm', 'native');
const engineFolders = readdirSync(join(rootFolder, 'examples')).map((name) =>
  join(rootFolder, 'examples', name, 'engine'),
);
const nativeFolders = [
  transportFolder,
  join(rootFolder, 'benchmarks', 'native'),
  join(rootFolder, 'native'),
  ...engineFolders,
];
const platformFolder = join(transportFolder, 'platform');
/** The limit that `max-lines` in eslint.config.js sets for TypeScript. */
const MAX_LINES = 300;
const shouldFix = process.argv.includes('--fix');
const nodeHeader = /^\s*#\s*include\s*[<"](?:napi[^>"]*|node_api[^>"]*|js_native_api[^>"]*|node\.h|uv\.h|v8[^>"]*)[>"]/;

function sourceFiles() {
  return nativeFolders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.(c|cc|h|hpp)$/.test(path) && !path.split(sep).includes('build'))
        .map((path) => join(folder, path)),
    )
    .sort();
}

/** The version pinned in package.json where it has a binary for this machine, otherwise the one on PATH. */
function findClangFormat() {
  const folders = {
    'linux-x64': 'linux_x64',
    'darwin-x64': 'darwin_x64',
    'darwin-arm64': 'darwin_x64',
    'win32-x64': 'win32',
  };
  const folder = folders[`${process.platform}-${process.arch}`];
  const name = process.platform === 'win32' ? 'clang-format.exe' : 'clang-format';
  const pinned = folder && join(rootFolder, 'node_modules', 'clang-format', 'bin', folder, name);
  const candidates = [pinned, 'clang-format'].filter(Boolean);
  return candidates.find((command) => spawnSync(command, ['--version']).status === 0);
}

function checkFormat(files) {
  const clangFormat = findClangFormat();
  if (!clangFormat) {
    console.warn('The format of the C++ sources was not checked, because no clang-format was found.');
    return true;
  }
  const mode = shouldFix ? ['-i'] : ['--dry-run', '--Werror'];
  return spawnSync(clangFormat, [...mode, '--style=file', ...files], { stdio: 'inherit' }).status === 0;
}

function checkPlatformIncludes(files) {
  const offences = [];
  for (const file of files.filter((path) => path.startsWith(platformFolder + sep))) {
    const lines = readFileSync(file, 'utf8').split('\n');
    lines.forEach((line, index) => {
      if (nodeHeader.test(line)) offences.push(`${relative(rootFolder, file)}:${index + 1}: ${line.trim()}`);
    });
  }
  if (offences.length === 0) return true;
  console.error(`native/platform must not include headers of Node:\n${offences.join('\n')}`);
  return false;
}

function checkLength(files) {
  const lengths = files.map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1]);
  const offences = lengths.filter(([, lines]) => lines > MAX_LINES);
  for (const [file, lines] of offences) {
    console.error(`${relative(rootFolder, file)} has ${lines} lines; ${MAX_LINES} are allowed: split it`);
  }
  return offences.length === 0;
}

const files = sourceFiles();
const results = files.length === 0 ? [] : [checkFormat(files), checkLength(files), checkPlatformIncludes(files)];
process.exitCode = results.every(Boolean) ? 0 : 1;
