import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { unwrap } from '@entropynet/core';
import { type ConnectionHandle, createNetworking, type Networking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { LAST_BYTE, type MessageReader, type Port, type StartPeer, type Subject } from '../subject.js';

/*
 * A ring of the same layout as a connection's, in the same memory, without anything around it: no checks of what the peer
 * wrote, no windows, channels, statistics or guard, and no sleep. What a connection loses against it is the price of its semantics.
 */

/** How a receiver gets a message: as a copy, as a view, or as the bounds of it in the ring's own array. */
type Delivery = 'copy' | 'view' | 'in place';

interface Kind {
  readonly name: string;
  readonly delivery: Delivery;
  /** Messages that are published together; one by one without it. */
  readonly batch?: number;
}

const HEADER_BYTES = 8;
const PADDING = -1;
/** The control block of a region, which the connection that made it keeps. */
const CONTROL_BYTES = 256;
/** More than what the connection has written at the beginning of each half. */
const USED_BYTES = 4096;
/** In front of each ring: its tail and its head, a cache line apart. */
const RING_HEADER_BYTES = 128;
const HEAD_WORD = 16;
/** Frames between two publications of the head. */
const DRAIN_LIMIT = 256;
const LOOKS_PER_CLOCK = 64;
/** How long a receiver looks for messages before the event loop gets its turn, in milliseconds. */
const SLICE_MS = 0.2;

class BareRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #buffer: ArrayBufferLike;
  readonly #tailWord: number;
  readonly #headWord: number;
  readonly #start: number;
  readonly #capacity: number;
  #tail = 0;
  #head = 0;
  #offset = 0;
  #published = 0;

  constructor(buffer: ArrayBufferLike, start: number, length: number) {
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#buffer = buffer;
    this.#tailWord = start >> 2;
    this.#headWord = this.#tailWord + HEAD_WORD;
    this.#start = start + RING_HEADER_BYTES;
    this.#capacity = length - RING_HEADER_BYTES;
  }

  /** Of the producer: whether half of it is free. */
  get hasRoom(): boolean {
    this.#head = Atomics.load(this.#words, this.#headWord);
    return (this.#tail - this.#head) >>> 0 <= this.#capacity >>> 1;
  }

  send(message: Uint8Array): boolean {
    const at = this.#reserve(message.length);
    if (at < 0) return false;
    this.#bytes.set(message, at);
    this.publish();
    return true;
  }

  /** Writes the first and the last byte; nothing is visible before `publish()`. */
  write(firstByte: number, length: number): boolean {
    const at = this.#reserve(length);
    if (at < 0) return false;
    this.#bytes[at] = firstByte;
    this.#bytes[at + length - 1] = LAST_BYTE;
    return true;
  }

  /** The same for a whole message. */
  put(message: Uint8Array): boolean {
    const at = this.#reserve(message.length);
    if (at < 0) return false;
    this.#bytes.set(message, at);
    return true;
  }

  publish(): void {
    if (this.#published === this.#tail) return;
    this.#published = this.#tail;
    Atomics.store(this.#words, this.#tailWord, this.#tail);
  }

  drainCopies(callback: (message: Uint8Array) => void): void {
    const bytes = this.#bytes;
    this.#drain((_bytes, start, end) => {
      callback(bytes.slice(start, end));
    });
  }

  drainViews(callback: (message: Uint8Array) => void): void {
    const buffer = this.#buffer;
    this.#drain((_bytes, start, end) => {
      callback(new Uint8Array(buffer, start, end - start));
    });
  }

  drainInPlace(callback: MessageReader): void {
    this.#drain(callback);
  }

  #drain(callback: MessageReader): void {
    const words = this.#words;
    const bytes = this.#bytes;
    const tail = Atomics.load(words, this.#tailWord);
    if (tail === this.#head) return;
    let head = this.#head;
    let offset = this.#offset;
    for (let count = 0; head !== tail && count < DRAIN_LIMIT;) {
      const at = this.#start + offset;
      const length = words[at >> 2] as number;
      if (length === PADDING) {
        head = (head + this.#capacity - offset) | 0;
        offset = 0;
        continue;
      }
      callback(bytes, at + HEADER_BYTES, at + HEADER_BYTES + length);
      const frameBytes = (length + HEADER_BYTES + 7) & ~7;
      head = (head + frameBytes) | 0;
      offset += frameBytes;
      if (offset === this.#capacity) offset = 0;
      count += 1;
    }
    this.#head = head;
    this.#offset = offset;
    Atomics.store(words, this.#headWord, head);
  }

  #reserve(length: number): number {
    const frameBytes = (length + HEADER_BYTES + 7) & ~7;
    const untilEnd = this.#capacity - this.#offset;
    const needed = frameBytes > untilEnd ? frameBytes + untilEnd : frameBytes;
    if (((this.#tail - this.#head) >>> 0) + needed > this.#capacity) {
      this.publish();
      this.#head = Atomics.load(this.#words, this.#headWord);
      if (((this.#tail - this.#head) >>> 0) + needed > this.#capacity) return -1;
    }
    let at = this.#start + this.#offset;
    if (frameBytes > untilEnd) {
      this.#words[at >> 2] = PADDING;
      at = this.#start;
      this.#offset = frameBytes;
    } else {
      this.#offset += frameBytes;
      if (this.#offset === this.#capacity) this.#offset = 0;
    }
    this.#words[at >> 2] = length;
    this.#words[(at >> 2) + 1] = 0;
    this.#tail = (this.#tail + needed) | 0;
    return at + HEADER_BYTES;
  }
}

/** Both processes get the memory from a connection, which then rests. */
class BareRingSubject implements Subject {
  readonly kind = 'limit';
  readonly isExtra = true;
  readonly workloads = ['round-trip', 'one-way', 'sizes', 'pipelined'];

  constructor(private readonly what: Kind) {}

  get name(): string {
    return this.what.name;
  }

  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const networking = await start();
    const endpoint = `bench-${randomBytes(4).toString('hex')}`;
    const server = unwrap(networking.manager.createServer({ endpoint, sharedMemory: { directory: folder } }));
    unwrap(await server.listen());
    startPeer(endpoint);
    const handle = unwrap(await server.accept());
    return portOf(this.what, await memoryOf(handle), true, handle, networking);
  }

  async join(address: string, folder: string): Promise<Port> {
    const networking = await start();
    const config = { endpoint: address, sharedMemory: { directory: folder } };
    const handle = unwrap(networking.manager.openConnection(config));
    const memory = memoryOf(handle);
    unwrap(await handle.connect());
    return portOf(this.what, await memory, false, handle, networking);
  }
}

function start(): Promise<Networking> {
  return createNetworking({ transports: [sharedMemoryTransportModule] });
}

/** A borrowed message is a view of the region. Resolves when the peer has its memory, too. */
async function memoryOf(handle: ConnectionHandle): Promise<ArrayBufferLike> {
  let memory: ArrayBufferLike | undefined;
  const received = new Promise<void>((resolve) => {
    handle.setMessageCallback(
      (data) => {
        memory ??= data.buffer;
        if (data.length === 2) resolve();
        else void handle.send(new Uint8Array(2)).then(unwrap);
      },
      { ownership: 'borrow' },
    );
  });
  handle.onConnected((connection) => {
    void connection.send(new Uint8Array(1)).then(unwrap);
  });
  await received;
  return memory as ArrayBufferLike;
}

function portOf(
  { delivery, batch }: Kind,
  memory: ArrayBufferLike,
  isServer: boolean,
  handle: ConnectionHandle,
  networking: Networking,
): Port {
  const half = ((memory.byteLength - CONTROL_BYTES) >> 1) & ~63;
  const rings = [CONTROL_BYTES, CONTROL_BYTES + half].map(
    (at) => new BareRing(memory, at + USED_BYTES, half - 2 * USED_BYTES),
  );
  const [outgoing, incoming] = (isServer ? rings : [...rings].reverse()) as [BareRing, BareRing];
  let onWritable: (() => void) | undefined;
  let isClosed = false;
  handle.on('state', (state) => {
    if (state !== 'connected') isClosed = true;
  });

  const poll = (drain: () => void): void => {
    // Then the memory is gone.
    if (isClosed) return;
    const end = performance.now() + SLICE_MS;
    do {
      for (let looks = 0; looks < LOOKS_PER_CLOCK; looks += 1) drain();
      if (onWritable !== undefined && outgoing.hasRoom) {
        const callback = onWritable;
        onWritable = undefined;
        callback();
      }
    } while (performance.now() < end);
    setImmediate(poll, drain);
  };
  return {
    send: (message) => outgoing.send(message),
    whenWritable: (callback) => {
      onWritable = callback;
    },
    onMessage: (callback) => {
      poll(() => {
        if (delivery === 'view') incoming.drainViews(callback);
        else incoming.drainCopies(callback);
      });
    },
    ...(delivery === 'in place' && {
      inPlace: {
        onMessage: (callback: MessageReader) => {
          poll(() => {
            incoming.drainInPlace(callback);
          });
        },
        send: (firstByte: number, messageBytes: number): boolean => {
          const taken = outgoing.write(firstByte, messageBytes);
          if (taken) outgoing.publish();
          return taken;
        },
      },
    }),
    ...(batch !== undefined && {
      sendBatch: (message: Uint8Array, count: number): number => {
        let taken = 0;
        while (taken < Math.min(batch, count) && outgoing.put(message)) taken += 1;
        outgoing.publish();
        return taken;
      },
    }),
    close: () => {
      // A handle that is closed tells its listeners nothing more.
      isClosed = true;
      return networking.close();
    },
  };
}

export const bareRingSubjects: readonly Subject[] = [
  new BareRingSubject({ name: 'bare ring copy', delivery: 'copy' }),
  new BareRingSubject({ name: 'bare ring view', delivery: 'view' }),
  new BareRingSubject({ name: 'bare ring in place', delivery: 'in place' }),
  new BareRingSubject({ name: 'bare ring in place batch', delivery: 'in place', batch: 32 }),
];
