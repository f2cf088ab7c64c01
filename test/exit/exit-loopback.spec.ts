import { loopbackFixture } from '../support/loopback-fixture.js';
import { describeExit } from './describe-exit.js';

await describeExit('the loopback transport', loopbackFixture, 0);
