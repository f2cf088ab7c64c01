import type { Duplex } from 'node:stream';
import { FrameType } from '@entropynet/core';
import {
  applyMask,
  FINAL_BINARY,
  KEY_BYTES,
  LENGTH_IN_16_BITS,
  LENGTH_IN_64_BITS,
  MASKED,
  MAX_ENVELOPE_BYTES,
} from './message-envelope.js';
import { MIN_SPARE_BYTES, spareFrames } from './spare-frames.js';
import { MAX_MESSAGE_BYTES } from './web-socket-protocol.js';

/** First bytes of pings and pongs, which are never in fragments (RFC 6455, sections 5.5.2 and 5.5.3). */
const PING = 0x89;
const PONG = 0x8a;
const MAX_CONTROL_BYTES = 125;

/** No greeting is longer: who sends more before it has greeted gets no memory for it here. */
const GREETING_BYTES = 1024;

/** What stands in place of a message's beginning where there is none. */
const INCOMPLETE = -1;
const CONTROL = -2;
const OTHER = -3;

/**
 * Takes one message: `bytes[start, end)`.
 * `isOwned`: whether the memory is the receiver's to keep; if not, it is valid during this call only.
 */
export type MessageSink = (bytes: Uint8Array, start: number, end: number, isOwned: boolean) => void;

type DataListener = (this: Duplex, chunk: Buffer) => void;

/**
 * Reads whole binary messages from the stream below a WebSocket, past `ws`, which makes about a kilobyte of objects for
 * each. A message that arrives in one piece is shown where it lies; one that arrives in several is put together in the
 * memory in which it is delivered. Pings and pongs are given to `ws` one by one. From the first other byte on, be it a
 * close frame, a fragment, text or nonsense, `ws` reads the stream alone, as if nobody had been before it: what is allowed,
 * and what each violation is answered with, is decided there.
 */
export class WebSocketFrameReader {
  readonly #socket: Duplex;
  readonly #onMessage: MessageSink;
  #maxBytes = GREETING_BYTES;
  /** The mask bit that every frame must have. */
  readonly #maskBit: number;
  /** The listener of `ws`; undefined once it listens itself. */
  #readByWs: DataListener | undefined;
  /** Of the frame whose envelope was read last: the length of a message or of a whole control frame, and the key. */
  #length = 0;
  #key = 0;
  /** The beginning of an envelope that lies in two chunks. */
  readonly #envelope = Buffer.alloc(MAX_ENVELOPE_BYTES);
  #envelopeBytes = 0;
  /** How much of a control frame is still to come. */
  #controlBytes = 0;
  /** The message that lies in several chunks, and how much of it is there. */
  #message: Buffer | undefined;
  #filledBytes = 0;
  #isFragment = false;

  /**
   * @param socket the stream, below a `ws` that has just opened; nothing was read from it yet
   * @param isMasked whether the peer masks what it sends, as a client must
   */
  constructor(socket: Duplex, isMasked: boolean, onMessage: MessageSink) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    this.#maskBit = isMasked ? MASKED : 0;
    const [readByWs, ...others] = socket.listeners('data');
    // Should another version of `ws` read differently, it reads alone: slower, and as right.
    if (readByWs === undefined || others.length > 0) return;
    this.#readByWs = readByWs as DataListener;
    socket.on('data', this.#onData);
    socket.off('data', this.#readByWs);
    // Before the listener of `ws`, which reads what is left of a stream that broke, from wherever that begins.
    socket.prependListener('close', () => {
      while (this.#readByWs !== undefined) {
        const rest = socket.read() as Buffer | null;
        if (rest === null) return;
        this.#onData(rest);
      }
    });
  }

  /** The peer is known: longer messages than greetings are read here from now on. */
  allowFrames(): void {
    this.#maxBytes = MAX_MESSAGE_BYTES;
  }

  // Hot path: allocates nothing for a message that lies in one chunk.
  readonly #onData = (chunk: Buffer): void => {
    const end = chunk.length;
    const halfBytes = chunk.buffer.byteLength >>> 1;
    let at = this.#finishFrame(chunk);
    while (at < end) {
      const known = this.#envelopeBytes;
      let start = known === 0 ? this.#readEnvelope(chunk, at, end) : this.#readSplitEnvelope(chunk);
      if (start < 0) {
        at = this.#onNoMessage(start, chunk, at);
        continue;
      }
      this.#envelopeBytes = 0;
      start -= known;
      const length = this.#length;
      if (end - start < length) {
        this.#begin(chunk, start);
        break;
      }
      at = start + length;
      if (this.#key !== 0) applyMask(chunk, start, at, this.#key);
      // Given away where it is most of what keeping it keeps, and the last that is read there: its owner may detach it.
      this.#onMessage(chunk, start, at, at === end && length >= halfBytes);
    }
  };

  /** Reads the envelope at `at`; returns where its message begins, or why there is none. */
  #readEnvelope(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return INCOMPLETE;
    const first = bytes[at] as number;
    const second = bytes[at + 1] as number;
    let length = second & ~MASKED;
    if (first !== FINAL_BINARY || (second & MASKED) !== this.#maskBit) {
      const isControl = (first === PING || first === PONG) && (second & MASKED) === this.#maskBit;
      if (!isControl || length > MAX_CONTROL_BYTES) return OTHER;
      this.#length = 2 + (this.#maskBit === 0 ? 0 : KEY_BYTES) + length;
      return CONTROL;
    }
    let start = at + 2;
    if (length === LENGTH_IN_16_BITS) {
      start += 2;
      if (start > end) return INCOMPLETE;
      length = bytes.readUInt16BE(at + 2);
    } else if (length === LENGTH_IN_64_BITS) {
      start += 8;
      if (start > end) return INCOMPLETE;
      length = bytes.readUInt32BE(at + 2) === 0 ? bytes.readUInt32BE(at + 6) : Number.MAX_SAFE_INTEGER;
    }
    if (length > this.#maxBytes) return OTHER;
    this.#length = length;
    if (this.#maskBit === 0) return start;
    start += KEY_BYTES;
    if (start > end) return INCOMPLETE;
    this.#key = bytes.readInt32LE(start - KEY_BYTES);
    return start;
  }

  /** The same for an envelope whose beginning is known from the chunk before; its end is looked for in this one. */
  #readSplitEnvelope(chunk: Buffer): number {
    const bytes = this.#envelopeBytes + chunk.copy(this.#envelope, this.#envelopeBytes);
    return this.#readEnvelope(this.#envelope, 0, bytes);
  }

  /** What begins at `at` is no message, or not known to be one; returns where to go on. */
  #onNoMessage(why: number, chunk: Buffer, at: number): number {
    if (why === INCOMPLETE) {
      this.#envelopeBytes += chunk.copy(this.#envelope, this.#envelopeBytes, at);
      return chunk.length;
    }
    const known = Buffer.from(this.#envelope.subarray(0, this.#envelopeBytes));
    this.#envelopeBytes = 0;
    return why === OTHER ? this.#leaveToWs(known, chunk, at) : this.#giveControls(known, chunk, at);
  }

  #leaveToWs(known: Buffer, chunk: Buffer, at: number): number {
    const readByWs = this.#readByWs;
    this.#readByWs = undefined;
    this.#socket.off('data', this.#onData);
    if (readByWs === undefined) return chunk.length;
    this.#socket.on('data', readByWs);
    if (known.length > 0) readByWs.call(this.#socket, known);
    readByWs.call(this.#socket, chunk.subarray(at));
    return chunk.length;
  }

  /** Gives `ws` all control frames from `at` on, as far as they are there; returns where the next other frame begins. */
  #giveControls(known: Buffer, chunk: Buffer, at: number): number {
    let end = at + this.#length - known.length;
    while (end < chunk.length && this.#readEnvelope(chunk, end, chunk.length) === CONTROL) end += this.#length;
    this.#controlBytes = Math.max(0, end - chunk.length);
    const given = Math.min(end, chunk.length);
    // A copy: `ws` keeps what is not whole, and a ping waits for room to be answered, in memory that nobody else owns.
    this.#readByWs?.call(this.#socket, Buffer.concat([known, chunk.subarray(at, given)]));
    return given;
  }

  /** The rest of a control frame, or what there is of it; returns how much that is. */
  #giveRestOfControl(chunk: Buffer): number {
    const bytes = Math.min(this.#controlBytes, chunk.length);
    this.#controlBytes -= bytes;
    this.#readByWs?.call(this.#socket, Buffer.from(chunk.subarray(0, bytes)));
    return bytes;
  }

  /** Takes what belongs to the frame that the chunk before left unfinished; returns where the next one begins. */
  #finishFrame(chunk: Buffer): number {
    if (this.#controlBytes > 0) return this.#giveRestOfControl(chunk);
    return this.#message === undefined ? 0 : this.#fill(this.#message, chunk, 0);
  }

  /** A message begins in this chunk and ends in a later one. */
  #begin(chunk: Buffer, start: number): void {
    const length = this.#length;
    // Fragments are copied to where their message is put together: memory for them is used again.
    const isFragment = start < chunk.length && (((chunk[start] as number) ^ this.#key) & 0xff) === FrameType.Fragment;
    this.#isFragment = isFragment;
    this.#message =
      length < MIN_SPARE_BYTES
        ? Buffer.allocUnsafe(length)
        : isFragment
          ? spareFrames.take(length)
          : Buffer.allocUnsafeSlow(length);
    this.#filledBytes = 0;
    this.#fill(this.#message, chunk, start);
  }

  /** Takes what the chunk has of the message, and delivers that when it is whole; returns where the next frame begins. */
  #fill(message: Buffer, chunk: Buffer, start: number): number {
    const copied = chunk.copy(message, this.#filledBytes, start);
    this.#filledBytes += copied;
    const { length } = message;
    if (this.#filledBytes < length) return chunk.length;
    this.#message = undefined;
    if (this.#key !== 0) applyMask(message, 0, length, this.#key);
    const isSpare = this.#isFragment && length >= MIN_SPARE_BYTES;
    this.#onMessage(message, 0, length, length >= MIN_SPARE_BYTES && !isSpare);
    if (isSpare) spareFrames.give(message);
    return start + copied;
  }
}
