/** `npm run example -- fleet service` and `npm run example -- fleet client`: on one host or on several. */
import { parseArgs } from 'node:util';
import { createNetworking } from '@entropynet/manager';
import { natsTransportModule } from '@entropynet/transport-nats';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { ask } from './client.js';
import { fleetConfig, type Preference } from './configuration.js';
import { serve } from './service.js';

const EXIT_FAILED = 1;
const EXIT_WRONG_ARGUMENTS = 2;
const USAGE = 'allowed are service, and client with --prefer websocket|nats and --count NUMBER';

interface Arguments {
  readonly role: 'service' | 'client';
  readonly preference: Preference;
  readonly count: number;
}

const parameters = readArguments();
if (parameters !== undefined) await run(parameters);

async function run({ role, preference, count }: Arguments): Promise<void> {
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      interruption.abort();
    });
  }
  const { signal } = interruption;
  const config = fleetConfig(process.env, preference);
  try {
    await using networking = await createNetworking({
      transports: [sharedMemoryTransportModule, webSocketTransportModule, natsTransportModule],
      // A client says itself which way it took. A service says here why it does not listen on an address.
      ...(role === 'client' && { log: () => undefined }),
    });
    if (role === 'service') await serve(networking.manager, config, signal);
    else await ask(networking.manager, config, count, signal);
  } catch (error) {
    process.stderr.write(`${(error as Partial<Error> | null | undefined)?.message ?? String(error)}\n`);
    process.exitCode = EXIT_FAILED;
  }
}

function readArguments(): Arguments | undefined {
  try {
    const { values, positionals } = parseArgs({
      options: { prefer: { type: 'string' }, count: { type: 'string' } },
      allowPositionals: true,
    });
    const [role, ...more] = positionals;
    const preference = values.prefer ?? 'websocket';
    const count = values.count === undefined ? Number.MAX_SAFE_INTEGER : Number(values.count);
    if (role !== 'service' && role !== 'client') throw new Error(`'${role ?? ''}' is not a role`);
    if (more.length > 0) throw new Error(`the argument '${more.join(' ')}' is unknown`);
    if (preference !== 'websocket' && preference !== 'nats') throw new Error(`'${preference}' is not a preference`);
    if (!Number.isSafeInteger(count) || count < 1) throw new Error(`'${values.count ?? ''}' is not a count`);
    return { role, preference, count };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}; ${USAGE}\n`);
    process.exitCode = EXIT_WRONG_ARGUMENTS;
    return undefined;
  }
}
