import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { webSocketTransportModule } from '@entropynet/transport-ws/browser';
import { WebSocket, WebSocketServer } from 'ws';
import type { Port, StartPeer, Subject } from '../subject.js';
import { portOf, start } from './entropynet.js';
import { messagePortOf } from './raw-ws.js';

/** The longest fragment that Chromium's WebSocket sends, in bytes. */
const FRAGMENT_BYTES = 131_072;

/** The longest envelope of a masked frame (RFC 6455, section 5.2), in bytes; a multiple of four, so that the mask fits words. */
const ENVELOPE_BYTES = 16;

/**
 * The socket of a page: cuts long messages into fragments and masks them, as Chromium does. Chromium masks in native code.
 * `ws` masks a byte at a time, which would take more time than the receiver does. So this socket writes its frames itself.
 */
class PageWebSocket extends WebSocket {
  constructor(url: string, protocol?: string) {
    super(url, protocol, { perMessageDeflate: false });
  }

  override send(message: Uint8Array): void {
    this.#cork();
    let at = 0;
    for (; message.length - at > FRAGMENT_BYTES; at += FRAGMENT_BYTES)
      this.#socket.write(maskedFrame(at === 0 ? 0x02 : 0x00, message.subarray(at, at + FRAGMENT_BYTES)));
    this.#socket.write(maskedFrame(at === 0 ? 0x82 : 0x80, message.subarray(at)));
  }

  /** Writes what one turn of the event loop sends with one system call: the kernel must not be the slowest part. */
  #cork(): void {
    const socket = this.#socket;
    if (socket.writableCorked > 0) return;
    socket.cork();
    setImmediate(() => {
      socket.uncork();
    });
  }

  get #socket(): Socket {
    return (this as unknown as { readonly _socket: Socket })._socket;
  }
}

/** A frame with this first byte, masked with a random key. */
function maskedFrame(first: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const frame = Buffer.allocUnsafeSlow((ENVELOPE_BYTES + length + 3) & ~3);
  frame.set(payload, ENVELOPE_BYTES);
  const words = new Int32Array(frame.buffer);
  const key = randomInt(1, 2 ** 32) | 0;
  for (let index = ENVELOPE_BYTES / 4; index < words.length; index += 1) words[index] = (words[index] ?? 0) ^ key;
  words[ENVELOPE_BYTES / 4 - 1] = key;
  const start = ENVELOPE_BYTES - (length < 126 ? 6 : length < 65_536 ? 8 : 14);
  frame[start] = first;
  frame[start + 1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (length >= 65_536) frame.writeBigUInt64BE(BigInt(length), start + 2);
  else if (length >= 126) frame.writeUInt16BE(length, start + 2);
  return frame.subarray(start, ENVELOPE_BYTES + length);
}

/**
 * Pages that send to a server. The driver plays the page, and the peer listens: its way of receiving is measured. So the
 * peer tells the driver its address.
 */
function subjectOf(name: string, kind: Subject['kind'], listen: () => Promise<Listening>, dial: Dial): Subject {
  return {
    name,
    kind,
    isExtra: true,
    workloads: ['fragments'],
    async serve(startPeer: StartPeer): Promise<Port> {
      const [address] = (await once(startPeer(''), 'message')) as [string];
      return dial(address);
    },
    async join(): Promise<Port> {
      const { address, accepted } = await listen();
      process.send?.(address);
      return accepted;
    },
  };
}

interface Listening {
  readonly address: string;
  readonly accepted: Promise<Port>;
}

type Dial = (address: string) => Promise<Port>;

/** A page that uses this project's client for pages. */
const entropyNetPage = subjectOf(
  'EntropyNet ws page',
  'entropynet',
  async () => {
    const networking = await start();
    const server = unwrap(networking.manager.createServer({ endpoint: 'ws://127.0.0.1:0/bench' }));
    unwrap(await server.listen());
    const accepted = server.accept().then((handle) => portOf({ name: 'server' }, unwrap(handle), networking));
    return { address: server.addresses()[0] ?? '', accepted };
  },
  async (endpoint) => {
    Object.assign(globalThis, { WebSocket: PageWebSocket });
    const networking = await createNetworking({ transports: [webSocketTransportModule] });
    const handle = unwrap(networking.manager.openConnection({ endpoint }));
    unwrap(await handle.connect());
    return portOf({ name: 'page' }, handle, networking);
  },
);

/** A page that uses its WebSocket directly, and a server of the package `ws`. */
const rawPage = subjectOf(
  'ws page',
  'peer',
  async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    await once(server, 'listening');
    const accepted = once(server, 'connection').then(([socket]) =>
      messagePortOf(socket as WebSocket, () => {
        server.close();
      }),
    );
    return { address: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, accepted };
  },
  async (address) => {
    const socket = new PageWebSocket(address);
    await once(socket, 'open');
    return messagePortOf(socket, () => undefined);
  },
);

export const fragmentingPages: readonly Subject[] = [entropyNetPage, rawPage];
