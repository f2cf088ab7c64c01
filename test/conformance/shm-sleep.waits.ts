import { describeTransport } from '@entropynet/conformance';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';

await describeTransport('the shared-memory transport that always sleeps', sharedMemoryFixture({ wait: 'sleep' }));
