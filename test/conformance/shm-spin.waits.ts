import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { describeTransport } from './describe-transport.js';

await describeTransport('the shared-memory transport that never sleeps', sharedMemoryFixture({ wait: 'spin' }));
