import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { describeExit } from './describe-exit.js';

await describeExit('the shared-memory transport', sharedMemoryFixture({ access: 'direct' }), 0);
