import { describeConformance } from '../support/conformance.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';

await describeConformance('the WebSocket transport', webSocketFixture);
