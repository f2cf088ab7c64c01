import { unwrap } from '@entropynet/core';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { natsTransportModule } from '@entropynet/transport-nats';
import { NatsBroker, natsUnavailable } from '../nats-broker.js';
import type { Port, StartPeer, Subject } from '../subject.js';
import { portOf } from './entropynet.js';
import { NATS_WORKLOADS } from './raw-nats.js';

/** EntropyNet over a NATS server of its own, default configuration. */
export const entropyNetNats: Subject = {
  name: 'EntropyNet nats',
  kind: 'entropynet',
  isExtra: true,
  workloads: NATS_WORKLOADS,
  transport: '@entropynet/transport-nats',
  unavailable: () => Promise.resolve(natsUnavailable),
  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const broker = await NatsBroker.start({ folder });
    const networking = await start();
    const endpoint = `nats://${broker.host}/bench`;
    const server = unwrap(networking.manager.createServer({ endpoint }));
    unwrap(await server.listen());
    startPeer(endpoint);
    return natsPortOf(unwrap(await server.accept()), async () => {
      await networking.close();
      await broker.stop();
    });
  },
  async join(address: string): Promise<Port> {
    const networking = await start();
    const handle = unwrap(networking.manager.openConnection({ endpoint: address }));
    unwrap(await handle.connect());
    return natsPortOf(handle, () => networking.close());
  },
};

function natsPortOf(handle: ConnectionHandle, close: () => Promise<void>): Port {
  return portOf({ name: entropyNetNats.name }, handle, { close });
}

/** Networking over NATS alone, for so many connections. */
export function start(capacity?: number): Promise<Networking> {
  return createNetworking({ transports: [natsTransportModule], ...(capacity !== undefined && { capacity }) });
}
