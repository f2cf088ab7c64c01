#!/usr/bin/env node
import { readFileSync } from 'node:fs';

/** With fewer descriptors, Node.js may be unable to load the command: it opens many modules at once. */
const LEAST_DESCRIPTORS = 256;

// Before the command is loaded, because afterwards no descriptor may be left for this file.
const limit = limitOfDescriptors();

/** Returns the number of files that this process may open; NaN if the system does not tell. */
function limitOfDescriptors() {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  } catch {
    return NaN;
  }
}

/** Loads the command; undefined if that failed. */
async function load() {
  try {
    return await import('../dist/index.js');
  } catch (error) {
    const advice =
      limit < LEAST_DESCRIPTORS
        ? `; this process may open only ${limit} files: raise that, as with "ulimit -n ${LEAST_DESCRIPTORS}"`
        : '';
    process.stderr.write(`entropynet: the command can't be loaded: ${error?.message ?? error}${advice}\n`);
    return undefined;
  }
}

const command = await load();
process.exitCode = command === undefined ? 1 : await command.run(process.argv);
