import { describeVariant } from '../support/conformance.js';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { ThreadWakeTransport, watchBy } from '../support/thread-wake-transport.js';

const fixture = sharedMemoryFixture({ access: 'direct' });

await describeVariant('the shared-memory transport, woken by a thread', {
  ...fixture,
  createTransport: () => new ThreadWakeTransport(),
  peerModule: {
    specifier: new URL('../support/thread-wake-transport.js', import.meta.url).href,
    className: 'ThreadWakeTransport',
  },
  dispose: async () => {
    watchBy('event-loop');
    await fixture.dispose?.();
  },
});
