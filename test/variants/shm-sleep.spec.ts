import { describeVariant } from '../support/conformance.js';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';

await describeVariant('the shared-memory transport that always sleeps', sharedMemoryFixture({ wait: 'sleep' }));
