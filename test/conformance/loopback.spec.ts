import { loopbackFixture } from '../support/loopback-fixture.js';
import { describeTransport } from './describe-transport.js';

await describeTransport('the loopback transport', loopbackFixture);
