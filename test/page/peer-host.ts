import { Packr } from 'msgpackr';
import { type PeerHost, type PeerModule, PendingCalls, type Placement, within } from '@entropynet/conformance/tools';

/** The types of msgpackr are in terms of Node.js, of which a page knows nothing. */
interface Codec {
  pack(value: unknown): Uint8Array<ArrayBuffer>;
  unpack(bytes: Uint8Array): unknown;
}

const packr = new Packr({ structuredClone: true }) as Codec;

/** What the program that opened the page says of a peer. */
export type PeerNews =
  { readonly kind: 'message'; readonly message: unknown } | { readonly kind: 'ended'; readonly how: number | string };

/** Starts a peer in another process, by way of the program that opened the page. Stands for `peer-host.ts` of the suite there. */
export async function startPeer(_placement: Placement, module: PeerModule): Promise<PeerHost> {
  const socket = new WebSocket(`ws://${location.host}/peer`);
  socket.binaryType = 'arraybuffer';
  const send = (order: unknown): void => {
    socket.send(packr.pack(order));
  };
  const calls = new PendingCalls((request) => {
    send({ request });
  });
  const ready = calls.whenReady();
  const ended = new Promise<number | string>((resolve) => {
    const end = (how: number | string): void => {
      calls.end(`the peer process ended: ${how}`);
      resolve(how);
      socket.close();
    };
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
      const news = packr.unpack(new Uint8Array(data)) as PeerNews;
      if (news.kind === 'message') calls.take(news.message);
      else end(news.how);
    });
    socket.addEventListener('close', () => {
      end('the program that started it is gone');
    });
  });
  socket.addEventListener('open', () => {
    send({ start: module });
  });
  await within(ready, 'a peer process is ready');
  return {
    actions: calls.actions(),
    get isAlive(): boolean {
      return !calls.isEnded;
    },
    ended,
    signal: (signal: string) => {
      send({ signal });
    },
    [Symbol.asyncDispose]: async () => {
      if (!calls.isEnded) send({ signal: 'SIGKILL' });
      await within(ended, 'a peer process ended');
    },
  };
}

/** A page starts no process: what the suite's own module offers for that has no counterpart here. */
function notInAPage(): never {
  throw new Error('a page starts no process of its own');
}

export { notInAPage as forkPeer, notInAPage as peerInProcess, notInAPage as spawnPeer };
