import { type Transport, TRANSPORT, unwrap } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { type ConnectionHandle, createNetworking } from '@entropynet/manager';
import { ContainerModule } from 'inversify';

const config = { endpoint: 'loopback://given' };
const networking = await createNetworking({
  transports: [
    new ContainerModule(({ bind }) => {
      bind<Transport>(TRANSPORT).toConstantValue(new LoopbackTransport());
    }),
  ],
});
const server = unwrap(networking.manager.createServer(config));
unwrap(await server.listen());
const accepted = server.accept();

/** The connection that a block of the documentation takes for granted. */
export const connection: ConnectionHandle = unwrap(networking.manager.openConnection(config));
unwrap(await connection.connect());

/** Its other end. */
export const peer: ConnectionHandle = unwrap(await accepted);

server.unref();
connection.unref();
peer.unref();
