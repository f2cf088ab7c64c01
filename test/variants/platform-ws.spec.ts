import { describeConformance } from '../support/conformance.js';
import { platformWebSocketFixture } from '../support/platform-web-socket-fixture.js';

await describeConformance("the platform's WebSocket", platformWebSocketFixture);
