import { Packr } from 'msgpackr';
import { type PeerHost, type PeerModule, PendingCalls, type Placement, within } from '@entropynet/conformance/tools';

/** The types of msgpackr use types of Node.js, which a page lacks. */
interface Codec {
  pack(value: unknown): Uint8Array<ArrayBuffer>;
  unpack(bytes: Uint8Array): unknown;
}

const packr = new Packr({ structuredClone: true }) as Codec;

/** The messages about a peer from the program that opened the page. */
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

/** A page can't start a process, so this module lacks the functions for that. */
function notInAPage(): never {
  throw new Error('a page starts no process of its own');
}

export { notInAPage as forkPeer, notInAPage as peerInProcess, notInAPage as spawnPeer };
