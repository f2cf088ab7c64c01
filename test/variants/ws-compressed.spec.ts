import type { TransportFixture } from '@entropynet/conformance';
import { describeVariant } from '../support/conformance.js';
import { webSocketFixture } from '../support/web-socket-fixture.js';

const fixture: TransportFixture = {
  ...webSocketFixture,
  freshConfig: () => ({ ...webSocketFixture.freshConfig(), webSocket: { compression: { threshold: 0, level: 1 } } }),
};

await describeVariant('the WebSocket transport, which compresses', fixture);
