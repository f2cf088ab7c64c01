import { TRANSPORT, type Transport } from '@entropynet/core';
import { ContainerModule } from 'inversify';
import { WebSocketTransport } from './web-socket-transport.js';

/** Contributes the WebSocket transport to a container, beside whatever other transports are bound. */
export const webSocketTransportModule = new ContainerModule(({ bind }) => {
  bind<Transport>(TRANSPORT).toConstantValue(new WebSocketTransport());
});
