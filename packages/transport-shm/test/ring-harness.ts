import type { FrameSink } from '@entropynet/core';
import { RingReader } from '@entropynet/transport-shm/internal/ring/ring-reader';
import type { RingLocation } from '@entropynet/transport-shm/internal/ring/ring-location';
import { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';

export const TAIL = 0;
export const HEAD = 16;
export const SLEEP = 32;
export const WAITS = 33;
export const START = 256;

/** Both ends of a ring over memory of this process, and everything that they reported. */
export class RingHarness implements FrameSink {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly writer: RingWriter;
  readonly reader: RingReader;
  readonly received: { header: number; bytes: Uint8Array }[] = [];
  readonly corruptions: string[] = [];
  wakes = 0;
  roomReports = 0;
  /** Frames that the writer reported. */
  reported = 0;
  /** Called for each frame after it was noted. */
  onFrame: () => void = () => undefined;

  /** @param exchange called by the writer before each look at the consumer's position */
  constructor(
    readonly capacity: number,
    exchange?: () => void,
  ) {
    const buffer = new ArrayBuffer(START + capacity);
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    const location: RingLocation = {
      words: this.words,
      bytes: this.bytes,
      start: START,
      capacity,
      tail: TAIL,
      head: HEAD,
      consumerSleep: SLEEP,
      producerWaits: WAITS,
    };
    this.writer = new RingWriter(
      { ...location, exchange },
      {
        onWake: () => {
          this.wakes += 1;
        },
        onCorrupted: (reason) => this.corruptions.push(reason),
        onFrame: () => {
          this.reported += 1;
        },
      },
    );
    this.reader = new RingReader(location, {
      onRoom: () => {
        this.roomReports += 1;
      },
      onCorrupted: (reason) => this.corruptions.push(reason),
    });
  }

  /** Reads up to `limit` frames; returns how many. */
  drain(limit: number): number {
    return this.reader.drain(limit, this);
  }

  receive(header: number, bytes: Uint8Array, start: number, end: number): void {
    this.received.push({ header, bytes: bytes.slice(start, end) });
    this.onFrame();
  }

  write(header: number, payload: Uint8Array): boolean {
    return this.writer.tryWrite(header, payload, 0, payload.length);
  }
}
