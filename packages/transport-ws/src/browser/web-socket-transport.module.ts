import { TRANSPORT, type TransportModule } from '@entropynet/core';
import { WebSocketTransport } from './web-socket-transport.js';

/** The module that registers the WebSocket transport. Pass it to `createNetworking`. */
export const webSocketTransportModule: TransportModule = {
  id: Symbol('@entropynet/transport-ws'),
  load: ({ bind }) => {
    bind(TRANSPORT).toConstantValue(new WebSocketTransport());
  },
};
