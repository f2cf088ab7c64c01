import { describeConformance } from '../support/conformance.js';
import { loopbackFixture } from '../support/loopback-fixture.js';

await describeConformance('the loopback transport', loopbackFixture);
