import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join as joinPath } from 'node:path';
import type { Port, StartPeer, Subject } from '../subject.js';
import { streamPortOf } from './stream-port.js';

/** `net` over a Unix socket. */
export const unixSocket: Subject = {
  name: 'net (Unix socket)',
  kind: 'peer',
  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const path = joinPath(folder, 'net.socket');
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    const connected = once(server, 'connection');
    startPeer(path);
    const [socket] = (await connected) as [Socket];
    return streamPortOf(socket, () => server.close());
  },
  async join(address: string): Promise<Port> {
    const socket = connect(address);
    await once(socket, 'connect');
    return streamPortOf(socket, () => undefined);
  },
};
