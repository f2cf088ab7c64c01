import { once } from 'node:events';
import { Packr } from 'msgpackr';
import type { WebSocket } from 'ws';
import { type PeerModule, type PeerRequest, spawnPeer } from '@entropynet/conformance/tools';

const packr = new Packr({ structuredClone: true });

/** The requests of a page. */
interface Order {
  /** First. */
  readonly start?: PeerModule;
  readonly request?: PeerRequest;
  readonly signal?: NodeJS.Signals;
}

/** Starts the process that a page requests, and forwards the messages of both. Resolves at its end. */
export async function servePeer(socket: WebSocket): Promise<void> {
  const [first] = (await once(socket, 'message')) as [Buffer];
  const { start } = packr.unpack(first) as Order;
  if (start === undefined) throw new Error('the page asked for something before it asked for a peer');
  const child = spawnPeer(start);
  const tell = (news: unknown): void => {
    if (socket.readyState === socket.OPEN) socket.send(packr.pack(news));
  };
  child.on('message', (message) => {
    tell({ kind: 'message', message });
  });
  socket.on('message', (data: Buffer) => {
    const { request, signal } = packr.unpack(data) as Order;
    // A peer that is dying takes nothing more. The code below reports its end.
    if (request !== undefined && child.connected) child.send(request, () => undefined);
    if (signal !== undefined) child.kill(signal);
  });
  socket.on('close', () => child.kill('SIGKILL'));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  tell({ kind: 'ended', how: signal ?? code ?? -1 });
}
