import { webSocketFixture } from '../support/web-socket-fixture.js';
import { describeExit } from './describe-exit.js';

await describeExit('the WebSocket transport', webSocketFixture, 1);
