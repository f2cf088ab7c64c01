import { describeConformance } from '../support/conformance.js';
import { natsFixture } from '../support/nats/nats-fixture.js';

await describeConformance('the NATS transport', natsFixture());
