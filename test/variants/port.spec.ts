import { describeConformance } from '../support/conformance.js';
import { portFixture } from '../support/port-fixture.js';

await describeConformance('the port transport', portFixture);
