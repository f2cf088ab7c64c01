import { describeTransport } from '@entropynet/conformance';
import { loopbackFixture } from '../support/loopback-fixture.js';

await describeTransport('the loopback transport', loopbackFixture);
