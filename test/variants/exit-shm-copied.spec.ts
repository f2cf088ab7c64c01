import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { describeExit } from '../exit/describe-exit.js';

await describeExit(
  'the shared-memory transport on copies of its regions',
  sharedMemoryFixture({ access: 'copied' }),
  1,
);
