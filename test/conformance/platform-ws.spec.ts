import { platformWebSocketFixture } from '../support/platform-web-socket-fixture.js';
import { describeTransport } from './describe-transport.js';

await describeTransport("the platform's WebSocket", platformWebSocketFixture);
