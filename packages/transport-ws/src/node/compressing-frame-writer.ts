import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { type AgreedCompression, Deflater } from './compression.js';
import { COMPRESSED_BINARY, envelopeBytes, type Masking, seal } from './message-envelope.js';
import { spareFrames } from './spare-frames.js';
import { WebSocketFrameWriter } from './web-socket-frame-writer.js';
import type { FrameWriterEvents } from '../protocol/frame-writer-events.js';

/** Writes frames like its base class, and compresses the longer ones if that makes them shorter. */
export class CompressingFrameWriter extends WebSocketFrameWriter {
  readonly #deflater: Deflater;

  /** See `WebSocketFrameWriter`. */
  constructor(
    compression: AgreedCompression,
    webSocket: WebSocket,
    socket: Duplex,
    masking: Masking,
    maxBufferedBytes: number,
    events: FrameWriterEvents,
  ) {
    super(webSocket, socket, masking, maxBufferedBytes, events);
    this.#deflater = new Deflater(compression);
  }

  protected override send(frame: Buffer, start: number, isSpare: boolean): void {
    const compressed = this.#deflater.compress(frame.subarray(start));
    if (compressed === undefined) {
      super.send(frame, start, isSpare);
      return;
    }
    const shorterStart = envelopeBytes(compressed.length, this.masking);
    const shorter = Buffer.allocUnsafe(shorterStart + compressed.length);
    compressed.copy(shorter, shorterStart);
    seal(shorter, shorterStart, this.masking);
    shorter[0] = COMPRESSED_BINARY;
    if (isSpare) spareFrames.give(frame);
    this.write(shorter, false);
  }
}
