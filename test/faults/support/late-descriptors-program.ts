import { closeSync, openSync } from 'node:fs';
import { createNetworking } from 'entropynet';
import { type NetworkError, unwrap } from '@entropynet/core';

// A program that has no descriptor left when it creates its manager, which loads parts of EntropyNet. It prints what comes of
// that, and of a connection before and after it has descriptors again.
const [endpoint = '', directory] = process.argv.slice(2);
const said: Record<string, string> = {};
const held: number[] = [];
process.stdout.write('');
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch {
  // None is left.
}
const networking = await createNetworking();
const handle = unwrap(networking.manager.openConnection({ endpoint, sharedMemory: { directory: directory! } }));
const before = await handle.connect();
said['before'] = before.ok ? 'ok' : `${before.error.code}: ${before.error.message}`;
for (const descriptor of held.splice(0)) closeSync(descriptor);
const after = await handle.connect();
said['after'] = after.ok ? 'ok' : `${after.error.code}: ${after.error.message}`;
try {
  said['container'] = typeof networking.container;
} catch (error) {
  const { code, message } = error as NetworkError;
  said['container'] = `${code}: ${message}`;
}
await networking.close();
process.stdout.write(JSON.stringify(said));
