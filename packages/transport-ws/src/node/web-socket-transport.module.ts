import { TRANSPORT, type TransportModule } from '@entropynet/core';
import { WebSocketTransport } from './web-socket-transport.js';

/** Registers the WebSocket transport: pass it to `createNetworking`, beside the modules of other transports. */
export const webSocketTransportModule: TransportModule = {
  id: Symbol('@entropynet/transport-ws'),
  load: ({ bind }) => {
    bind(TRANSPORT).toConstantValue(new WebSocketTransport());
  },
};
