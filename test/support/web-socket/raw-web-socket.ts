import { connect, type Socket } from 'node:net';
import { type Scope, until } from '@entropynet/conformance/tools';
import { encodePeerLimits } from '@entropynet/core';

/** A WebSocket frame, correct or not. */
export interface RawFrame {
  readonly opcode: number;
  readonly payload?: Uint8Array;
  /** @default true */
  readonly isFinal?: boolean;
  /** The three reserved bits. @default 0 */
  readonly reserved?: number;
  /** @default true */
  readonly isMasked?: boolean;
  /** The length in the header, if it differs from the length of the payload. */
  readonly claimedLength?: bigint;
}

/** The frame's bytes, after RFC 6455, section 5.2. The mask is zero. */
export function rawFrame({ opcode, payload = new Uint8Array(0), ...rest }: RawFrame): Buffer {
  const { isFinal = true, reserved = 0, isMasked = true, claimedLength = BigInt(payload.length) } = rest;
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = isMasked ? 0x80 : 0;
  let header: Buffer;
  if (claimedLength < 126n) header = Buffer.from([first, maskBit | Number(claimedLength)]);
  else if (claimedLength < 65_536n) {
    header = Buffer.from([first, maskBit | 126, 0, 0]);
    header.writeUInt16BE(Number(claimedLength), 2);
  } else {
    header = Buffer.alloc(10);
    header[0] = first;
    header[1] = maskBit | 127;
    header.writeBigUInt64BE(claimedLength, 2);
  }
  return Buffer.concat([header, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

export const GREETING = encodePeerLimits({ maxMessageSize: 1_000_000, channelWindow: 1_000_000, maxChannels: 8 });

/** A client that has only TCP, and writes all other bytes itself. */
export class RawClient {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  isClosed = false;
  readonly #closed: Promise<void>;

  constructor(scope: Scope, port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]).subarray(-1_000_000);
    });
    this.socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
    scope.defer(() => this.socket.destroy());
  }

  /** The upgrade request, with lines left out, changed or added. */
  upgrade(headers: Readonly<Record<string, string | undefined>> = {}, requestLine = 'GET / HTTP/1.1'): void {
    const all: Record<string, string | undefined> = {
      Host: '127.0.0.1',
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Protocol': 'entropynet.v1',
      ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
    this.socket.write(`${requestLine}\r\n${lines.join('\r\n')}\r\n\r\n`);
  }

  /** Upgrades and greets like an honest client. */
  async open(): Promise<void> {
    this.upgrade();
    await until(() => this.received.includes('\r\n\r\n'), 'the server has answered the upgrade');
    this.socket.write(rawFrame({ opcode: 2, payload: GREETING }));
  }

  write(bytes: Uint8Array): void {
    if (!this.isClosed) this.socket.write(bytes);
  }

  /** The status of the HTTP answer; 0 if there is none before the end. */
  async status(): Promise<number> {
    await until(() => this.isClosed || /^HTTP\/1\.1 \d+/.test(this.received.toString('latin1')), 'there is an answer');
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.received.toString('latin1'))?.[1] ?? 0);
  }

  closed(): Promise<void> {
    return this.#closed;
  }
}
