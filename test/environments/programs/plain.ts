import { BACKENDS, exchange } from '../exchange.js';

/**
 * Everything that must work in the environment that the parent made, by flags or by a module that Node.js loads first.
 */
for (const backend of BACKENDS) await exchange(backend);
process.stdout.write('done\n');
