import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SharedMemoryServer } from 'entropynet';
import { BACKENDS, exchange } from '../exchange.js';

/*
 * If the runtime refuses external buffers, shared memory works on copies automatically, and reports the reason.
 */
for (const backend of BACKENDS) await exchange(backend);

const directory = mkdtempSync(join(tmpdir(), 'entropynet-cage-'));
const server = new SharedMemoryServer({ endpoint: 'caged', sharedMemory: { directory, access: 'direct' } });
const listening = await server.listen();
assert.equal(listening.ok, false);
assert.equal(listening.error.code, 'SharedMemoryNotAvailable');
assert.match(listening.error.message, /must be "auto" or "copied"/u);
rmSync(directory, { recursive: true });
process.stdout.write('done\n');
