import { webSocketFixture } from '../support/web-socket-fixture.js';
import { describeTransport } from './describe-transport.js';

await describeTransport('the WebSocket transport', webSocketFixture);
