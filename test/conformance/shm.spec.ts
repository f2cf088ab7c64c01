import { describeTransport } from '@entropynet/conformance';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';

await describeTransport('the shared-memory transport', sharedMemoryFixture({ access: 'direct' }));
