/**
 * A server in a separate process. Its arguments: the service, the endpoint, and the argument of the service. It reports
 * its address.
 */
import { unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { SERVICES, type ServiceName } from './services.js';

const [service = '', endpoint = '', argument = ''] = process.argv.slice(2);
// The death of the parent leaves no server behind.
process.on('disconnect', () => process.exit());
const serve = await SERVICES[service as ServiceName](argument);
const { manager } = await createNetworking({ transports: [sharedMemoryTransportModule, webSocketTransportModule] });
const server = unwrap(manager.createServer({ endpoint }));
unwrap(await server.listen());
process.send?.(server.addresses()[0]);
await serve(server);
