/** Loaded before the program of a process that measures the other build. */
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OTHER_BUILD } from './other-build.js';

const folder = process.env[OTHER_BUILD];
if (folder === undefined) throw new Error(`${OTHER_BUILD} is not set`);
register('./other-build-hooks.js', import.meta.url, { data: pathToFileURL(join(folder, 'package.json')).href });
