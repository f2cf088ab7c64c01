#!/usr/bin/env node
// Builds the addon of the installed package, where no prebuilt one fits this machine.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { addonFolder, buildAddon } from './addon-build.mjs';

const HELP = `Builds the native addon of @entropynet/transport-shm from its sources, where no prebuilt one fits.
It needs a C++ compiler, make and Python 3, node-gyp, which npm brings along, and the headers of node-addon-api, which
"npm install --save-dev node-addon-api@8" brings.

Usage: npx entropynet-build-addon
`;

const LOG_LINES = 40;

/** npm's own node-gyp, unless there is one in the project. */
function findNodeGyp() {
  const script = join('node-gyp', 'bin', 'node-gyp.js');
  const require = createRequire(join(process.cwd(), 'package.json'));
  try {
    return require.resolve('node-gyp/bin/node-gyp.js');
  } catch {
    // Not in the project.
  }
  const npm = process.env.npm_execpath ? resolve(dirname(process.env.npm_execpath), '..') : undefined;
  const prefix = resolve(dirname(process.execPath), '..');
  const candidates = [
    process.env.npm_config_node_gyp,
    npm && join(npm, 'node_modules', script),
    join(prefix, 'lib', 'node_modules', 'npm', 'node_modules', script),
    join(dirname(process.execPath), 'node_modules', 'npm', 'node_modules', script),
  ];
  return candidates.find((candidate) => candidate && existsSync(candidate));
}

/** @returns the exit code */
function main() {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return 2;
  }
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined) {
    process.stderr.write('node-gyp was not found: run "npm install --save-dev node-gyp" and this command again.\n');
    return 1;
  }
  process.stderr.write(`Building the shared-memory addon in ${addonFolder} …\n`);
  const { problem, log } = buildAddon({ nodeGyp });
  if (problem === undefined) {
    process.stderr.write('The addon is built: shared memory can be used.\n');
    return 0;
  }
  if (log) process.stderr.write(`${log.trimEnd().split('\n').slice(-LOG_LINES).join('\n')}\n`);
  process.stderr.write(`${problem}\n`);
  return 1;
}

process.exitCode = main();
