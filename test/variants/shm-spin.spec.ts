import { describeConformance } from '../support/conformance.js';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';

await describeConformance('the shared-memory transport that never sleeps', sharedMemoryFixture({ wait: 'spin' }));
