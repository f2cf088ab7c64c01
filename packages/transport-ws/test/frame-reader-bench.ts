import { Duplex } from 'node:stream';
import type { NetworkError } from '@entropynet/core';
import type { Unreadable } from '@entropynet/transport-ws/internal/node/compression';
import { envelopeBytes, seal } from '@entropynet/transport-ws/internal/node/message-envelope';
import { WebSocketFrameReader } from '@entropynet/transport-ws/internal/node/web-socket-frame-reader';

/** A stream, what stands in for `ws` on it, and the reader in between. */
export class FrameReaderBench {
  readonly stream = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, onDone) => {
      onDone();
    },
  });
  /** What was delivered, and the bytes that `ws` was given, in their order. */
  readonly log: { what: 'message' | 'ws'; bytes: Buffer }[] = [];
  readonly messages: { bytes: Uint8Array; start: number; end: number; isOwned: boolean }[] = [];
  /** The same bytes as `ws` got them. */
  readonly given: Buffer[] = [];
  onMessage: ((bytes: Uint8Array) => void) | undefined;
  /** Whether the reader gave the peer up. */
  isRefused = false;
  /** The reasons why a message can't be read. */
  readonly unreadable: Unreadable[] = [];
  /** The errors of a lack of memory. */
  readonly shortages: NetworkError[] = [];
  readonly reader: WebSocketFrameReader;
  readonly wsListener = (chunk: Buffer): void => {
    this.given.push(chunk);
    this.log.push({ what: 'ws', bytes: Buffer.from(chunk) });
  };

  constructor(isMasked = false, isGreeted = true) {
    this.stream.on('data', this.wsListener);
    this.reader = new WebSocketFrameReader(this.stream, isMasked, {
      onMessage: (bytes, start, end, isOwned) => {
        this.messages.push({ bytes, start, end, isOwned });
        this.log.push({ what: 'message', bytes: Buffer.from(bytes.slice(start, end)) });
        this.onMessage?.(bytes);
      },
      onUnknownPeer: () => (this.isRefused = true),
      onUnreadable: (why) => this.unreadable.push(why),
      onShortage: (error) => this.shortages.push(error),
    });
    if (isGreeted) this.reader.allowFrames();
  }

  /** Lets bytes arrive, cut at these places. */
  arrive(bytes: Buffer, cuts: readonly number[] = []): void {
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      // Memory of its own, as a read from a socket has.
      const chunk = Buffer.from(new Uint8Array(bytes.subarray(from, cut)).buffer);
      if (chunk.length > 0) this.stream.emit('data', chunk);
      from = cut;
    }
  }

  /** All that has arrived was delivered. */
  async read(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.reader.whenRead(resolve);
    });
  }

  /** The log, with what `ws` got in several pieces in one. */
  get joined(): { what: string; bytes: string }[] {
    const joined: { what: string; bytes: Buffer }[] = [];
    for (const { what, bytes } of this.log) {
      const last = joined.at(-1);
      if (what === 'ws' && last?.what === 'ws') last.bytes = Buffer.concat([last.bytes, bytes]);
      else joined.push({ what, bytes });
    }
    return joined.map(({ what, bytes }) => ({ what, bytes: bytes.toString('base64') }));
  }
}

/** Bytes that differ by place and by seed. A loop fills them, because long ones are many. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + seed) & 0xff;
  return bytes;
}

/** A frame as the frame writer makes it. */
export function messageFrame(payload: Uint8Array, masking: 'none' | 'zero' | 'random'): Buffer {
  const start = envelopeBytes(payload.length, masking);
  const frame = Buffer.alloc(start + payload.length);
  frame.set(payload, start);
  seal(frame, start, masking);
  return frame;
}
