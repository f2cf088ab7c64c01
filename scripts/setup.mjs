// Brings a fresh clone to a state in which everything runs: dependencies, the native addon, compiled TypeScript.
// Plain Node without dependencies, because it runs before anything is installed. A step that is up to date does nothing.
// Progress goes to standard error, so that standard output belongs to the program which is started afterwards.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import {
  addonFolder,
  buildAddon,
  isAddonBuilt,
  run as runProgram,
} from '../packages/transport-shm/bin/addon-build.mjs';
import { compiledProjects, joinedEntries, pageFolders, publishedFolders, rootFolder } from './workspace.mjs';

const isQuiet = process.argv.includes('--quiet');
const isNativeStrict = process.argv.includes('--native-strict');

const installStampFile = join(rootFolder, 'node_modules', '.entropynet-setup');
const slimStampFile = join(rootFolder, 'node_modules', '.entropynet-slim');
const joinStampFile = join(rootFolder, 'node_modules', '.entropynet-join');
const addonStampFile = join(addonFolder, 'build', '.entropynet-setup');

/** Ends the set-up; the sentence is all the user needs to read. */
class SetupError extends Error {}

function report(line) {
  if (!isQuiet) process.stderr.write(`${line}\n`);
}

function warn(line) {
  process.stderr.write(`${line}\n`);
}

function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function writeStamp(file, stamp) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, stamp);
}

/** Every file below a folder, sorted, without descending into what tools have put there. */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  const files = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...filesBelow(path));
    else files.push(path);
  }
  return files.sort();
}

function run(command, args, options = {}) {
  return runProgram(command, args, { cwd: rootFolder, ...options });
}

function requireNodeVersion() {
  const { engines } = JSON.parse(readFileSync(join(rootFolder, 'package.json'), 'utf8'));
  const [neededMajor, neededMinor] = engines.node.match(/\d+/g).map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new SetupError(
    `EntropyNet needs Node.js ${neededMajor}.${neededMinor} or newer, and this is Node.js ${process.versions.node}.`,
  );
}

function installStamp() {
  const lockFile = readFileSync(join(rootFolder, 'package-lock.json'));
  return sha256(lockFile, process.version, process.platform, process.arch);
}

/** npm as it was started, or else as found on PATH; on Windows that is a script, which only a shell can run. */
function runNpm(args) {
  const npmScript = process.env.npm_execpath;
  if (npmScript && /npm-cli\.c?js$/.test(npmScript)) return run(process.execPath, [npmScript, ...args]);
  return run('npm', args, { shell: process.platform === 'win32' });
}

function installDependencies() {
  const stamp = installStamp();
  if (readStamp(installStampFile) === stamp) return;
  report('Installing dependencies with npm ci (once, about half a minute) …');
  // Development dependencies are named because NODE_ENV=production would leave out the compiler.
  const { succeeded, output } = runNpm(['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund']);
  if (!succeeded) {
    warn(lastLines(output, 40));
    throw new SetupError('The dependencies could not be installed; the end of the output of npm ci is above.');
  }
  writeStamp(installStampFile, stamp);
}

function addonStamp() {
  const files = filesBelow(join(addonFolder, 'native'));
  const parts = files.flatMap((file) => [relative(addonFolder, file), readFileSync(file)]);
  const headers = readFileSync(join(rootFolder, 'node_modules', 'node-addon-api', 'package.json'));
  return sha256(...parts, headers, process.platform, process.arch);
}

function failAddonBuild(sentence) {
  if (isNativeStrict) throw new SetupError(sentence);
  warn(sentence);
}

function bringAddonUpToDate() {
  const stamp = addonStamp();
  if (!isNativeStrict && isAddonBuilt() && readStamp(addonStampFile) === stamp) return;
  report('Building the shared-memory addon …');
  const { problem, log } = buildAddon({
    nodeGyp: join(rootFolder, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
    compilerFlags: isNativeStrict ? '-Werror' : '',
  });
  if (problem === undefined) return writeStamp(addonStampFile, stamp);
  if (log) warn(lastLines(log, 40));
  failAddonBuild(problem);
}

/** Deletes output whose source is gone, so that a deleted test doesn't go on running. */
function removeOrphanedOutput() {
  for (const { source, output } of compiledProjects()) {
    const outputFolder = join(rootFolder, output);
    for (const file of filesBelow(outputFolder)) {
      const moduleName = relative(outputFolder, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '');
      // What was bundled is not compiled from one source each.
      if (moduleName === '.tsbuildinfo' || moduleName.startsWith(`page${sep}`) || file.endsWith('.license.md'))
        continue;
      if (moduleName.endsWith('.joined')) continue;
      if (!existsSync(join(rootFolder, source, `${moduleName}.ts`))) rmSync(file);
    }
  }
}

function hasTypeScriptOutput() {
  return compiledProjects().every(({ output }) => existsSync(join(rootFolder, output, '.tsbuildinfo')));
}

function compileTypeScript() {
  if (!hasTypeScriptOutput()) report('Compiling TypeScript …');
  const compiler = join(rootFolder, 'node_modules', 'typescript', 'bin', 'tsc');
  const { succeeded, output } = run(process.execPath, [compiler, '-b']);
  if (succeeded) return;
  warn(output.trimEnd());
  throw new SetupError('The TypeScript sources do not compile; the errors are above.');
}

/** Whether a file is a compiled module by itself. */
function isModule(file) {
  return /(?<!\.joined)\.js$/.test(file);
}

/** The published modules, which take memory at users: without what nobody needs. A compiler that writes one changes its time. */
function slimModules() {
  const folders = publishedFolders().map((folder) => join(rootFolder, folder, 'dist'));
  const stamp = () => {
    const modules = folders.flatMap(filesBelow).filter(isModule);
    const library = readFileSync(join(rootFolder, 'node_modules', 'valibot', 'package.json'));
    return sha256(library, ...modules.flatMap((file) => [relative(rootFolder, file), String(statSync(file).mtimeMs)]));
  };
  if (readStamp(slimStampFile) === stamp()) return;
  const { succeeded, output } = run(process.execPath, [join(rootFolder, 'scripts', 'slim-modules.mjs'), ...folders]);
  if (!succeeded) {
    warn(lastLines(output, 40));
    throw new SetupError('The modules could not be made smaller; the end of the log is above.');
  }
  writeStamp(slimStampFile, stamp());
}

/** The packages whose modules a program of Node.js loads together. */
function joinModules() {
  const folders = publishedFolders().filter((folder) => joinedEntries(folder).length > 0);
  const files = folders.flatMap((folder) => filesBelow(join(rootFolder, folder, 'dist')));
  const manifests = folders.map((folder) => join(rootFolder, folder, 'package.json'));
  const stamp = sha256(
    ...[...files.filter(isModule), ...manifests].flatMap((file) => [relative(rootFolder, file), readFileSync(file)]),
  );
  const areComplete = folders.flatMap(joinedEntries).every((file) => existsSync(file.replace(/\.js$/, '.joined.js')));
  if (areComplete && readStamp(joinStampFile) === stamp) return;
  const { succeeded, output } = run(process.execPath, [join(rootFolder, 'scripts', 'join-modules.mjs'), ...folders]);
  if (!succeeded) {
    warn(lastLines(output, 40));
    throw new SetupError('The modules could not be joined; the end of the log is above.');
  }
  writeStamp(joinStampFile, stamp);
}

/** Pages, which a browser needs in one piece. */
function bundlePages() {
  const libraries = ['core', 'messaging', 'transport-ws'].map((name) => join(rootFolder, 'packages', name, 'dist'));
  for (const name of pageFolders()) {
    const page = join(rootFolder, name, 'page');
    const output = join(rootFolder, name, 'dist', 'page');
    const files = [page, join(rootFolder, name, 'src'), ...libraries].flatMap(filesBelow);
    const relevant = [...files, join(rootFolder, 'package-lock.json')].filter(
      (file) => !/\.(?:d\.ts|map|tsbuildinfo)$|[\\/]page[\\/]build[\\/]/.test(file),
    );
    const stamp = sha256(...relevant.flatMap((file) => [relative(rootFolder, file), readFileSync(file)]));
    const stampFile = join(output, '.entropynet-setup');
    if (readStamp(stampFile) === stamp) continue;
    const { succeeded, output: log } = run(process.execPath, [
      join(rootFolder, 'scripts', 'bundle-page.mjs'),
      page,
      output,
    ]);
    if (!succeeded) {
      warn(lastLines(log, 40));
      throw new SetupError(`The page of ${name} could not be bundled; the end of the log is above.`);
    }
    writeStamp(stampFile, stamp);
  }
}

function setUp() {
  requireNodeVersion();
  installDependencies();
  bringAddonUpToDate();
  if (isNativeStrict) return;
  removeOrphanedOutput();
  compileTypeScript();
  slimModules();
  joinModules();
  bundlePages();
}

try {
  setUp();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  warn(error.message);
  process.exitCode = 1;
}
