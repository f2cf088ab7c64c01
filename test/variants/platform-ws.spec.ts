import { describeVariant } from '../support/conformance.js';
import { platformWebSocketFixture } from '../support/platform-web-socket-fixture.js';

await describeVariant("the platform's WebSocket", platformWebSocketFixture);
