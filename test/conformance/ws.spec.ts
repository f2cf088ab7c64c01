import { describeTransport } from '@entropynet/conformance';
import { webSocketFixture } from '../support/web-socket-fixture.js';

await describeTransport('the WebSocket transport', webSocketFixture);
