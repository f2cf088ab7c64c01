import { BACKENDS, exchange } from '../exchange.js';

/** What must work, in whatever environment the parent has made: by flags, or by a module that is loaded first. */
for (const backend of BACKENDS) await exchange(backend);
process.stdout.write('done\n');
