import { portFixture } from '../support/port-fixture.js';
import { describeTransport } from './describe-transport.js';

await describeTransport('the port transport', portFixture);
