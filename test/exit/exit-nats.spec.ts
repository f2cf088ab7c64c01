import { natsFixture } from '../support/nats/nats-fixture.js';
import { describeExit } from './describe-exit.js';

await describeExit('the NATS transport', natsFixture(), 0);
