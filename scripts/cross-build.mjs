// Builds the addon for other systems and processors than this machine's: `prebuilds/<system>-<architecture>/` in the folder of
// the package. Warnings are errors. Where a compiler is missing, one sentence says which.
// Usage: node scripts/cross-build.mjs [--available] [--fetch] [--output FOLDER] [TARGET ...]
//   TARGET       see `targets` in scripts/cross-targets.mjs; every one where none is given
//   --available  leave out the targets whose compiler is missing, instead of failing
//   --fetch      get the compiler that npm's registry has, into the user's cache
//   --output     where `prebuilds` is made; the package's folder by default

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { addonFolder } from '../packages/transport-shm/bin/addon-build.mjs';
import { forEach, forEachTarget, run } from './cross-commands.mjs';
import { addonSources, includeFolders, targets } from './cross-targets.mjs';

/** Builds for one target; gives the addon's file. */
async function build(target, tools, output) {
  const stage = mkdtempSync(join(tmpdir(), 'entropynet-cross-'));
  const runHere = (command) => run(command, stage, tools.environment);
  try {
    const { sources, defines } = addonSources(target.system);
    const flags = [
      ...[...defines, 'NODE_GYP_MODULE_NAME=entropynet_shm', 'BUILDING_NODE_EXTENSION'].map((define) => `-D${define}`),
      // Other people's headers are not held to our warnings.
      ...includeFolders().flatMap((folder) => ['-isystem', folder]),
    ];
    const objects = sources.map((file) => join(stage, `${file.replaceAll('/', '_')}.o`));
    await forEach(sources.keys(), (index) =>
      runHere([...tools.compiler, ...flags, '-c', join(addonFolder, 'native', sources[index]), '-o', objects[index]]),
    );
    const addon = join(output, 'prebuilds', target.file);
    mkdirSync(dirname(addon), { recursive: true });
    await tools.link({ objects, addon, stage, run: runHere });
    target.check?.(addon);
    return addon;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    options: {
      available: { type: 'boolean', default: false },
      fetch: { type: 'boolean', default: false },
      output: { type: 'string', default: addonFolder },
    },
    allowPositionals: true,
  });
  return forEachTarget(targets, positionals, values, {
    work: async (name, tools) => {
      process.stdout.write(`${name}: ${await build(targets[name], tools, resolve(values.output))}\n`);
    },
    notDone: 'The addon was not built for',
    failed: 'The addon could not be built for',
  });
}

process.exitCode = await main();
