import { describeTransport } from '@entropynet/conformance';
import { portFixture } from '../support/port-fixture.js';

await describeTransport('the port transport', portFixture);
