import { describeTransport } from '@entropynet/conformance';
import { platformWebSocketFixture } from '../support/platform-web-socket-fixture.js';

await describeTransport("the platform's WebSocket", platformWebSocketFixture);
