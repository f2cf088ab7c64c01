import type { Duplex } from 'node:stream';
import { FrameType } from '@entropynet/core';
import { unwrittenBytes } from '@entropynet/core/platform';
import type { CompressedMessages } from './compressed-messages.js';
import { DeliverySlice } from './delivery-slice.js';
import {
  applyMask,
  FINAL_BINARY,
  FINAL_TEXT,
  FIRST_FRAGMENT,
  KEY_BYTES,
  LAST_FRAGMENT,
  LENGTH_IN_16_BITS,
  LENGTH_IN_64_BITS,
  MASKED,
  MAX_CONTROL_BYTES,
  MAX_ENVELOPE_BYTES,
  NEXT_FRAGMENT,
  PING,
  PONG,
} from './message-envelope.js';
import { setImmediate } from './platform-timers.js';
import { MIN_SPARE_BYTES, spareFrames } from './spare-frames.js';
import { MAX_MESSAGE_BYTES } from '../protocol/web-socket-protocol.js';

/** The largest total size of a peer's greetings. A peer that sends more before they are done gets no memory for it. */
const GREETING_BYTES = 1024;

/** Stands for a message's start if the envelope is incomplete. */
const INCOMPLETE = -1;
const CONTROL = -2;
const FRAGMENT = -3;
const UNKNOWN_PEER = -4;
const OTHER = -5;
const COMPRESSED = -6;

/**
 * Takes one message: `bytes[start, end)`.
 * `isOwned`: whether the receiver may keep the memory; if not, it is valid during this call only.
 */
export type MessageSink = (bytes: Uint8Array, start: number, end: number, isOwned: boolean) => void;

type DataListener = (this: Duplex, chunk: Buffer) => void;
type CloseListener = (this: Duplex, hadError: boolean) => void;

/**
 * Reads whole binary messages from the stream below a WebSocket without `ws`, which allocates about a kilobyte of
 * objects for each. A message in one piece is delivered in place. A message in several pieces is put together in the
 * memory in which it is delivered. Compressed messages are inflated here, in order. `ws` gets pings, pongs and the
 * fragments of other messages one by one. After the first other byte (a close frame, text or an invalid frame) `ws`
 * reads the stream alone, as if this reader did not exist: it decides what is allowed, and how it answers a violation.
 *
 * After a millisecond of delivery, the rest waits until timers and I/O have run. Meanwhile the stream is paused, and
 * `ws` does not learn that it has ended or closed.
 */
export class WebSocketFrameReader {
  readonly #socket: Duplex;
  readonly #onMessage: MessageSink;
  readonly #onUnknownPeer: () => void;
  readonly #compressed: CompressedMessages | undefined;
  readonly #slice = new DeliverySlice();
  /** The length of the longest message; for an unknown peer, the number of bytes that it may still send. */
  #maxBytes = GREETING_BYTES;
  #isPeerKnown = false;
  /** The mask bit that every frame must have. */
  readonly #maskBit: number;
  /** The listener of `ws`; undefined after `ws` listens itself. */
  #readByWs: DataListener | undefined;
  /** The last envelope: the length of its message or of its whole other frame, and the key. */
  #length = 0;
  #key = 0;
  /** The last compressed frame: its first byte, and the length of its envelope. */
  #firstByte = 0;
  #headBytes = 0;
  /** The beginning of an envelope that is split between two chunks. */
  readonly #envelope = Buffer.alloc(MAX_ENVELOPE_BYTES);
  #envelopeBytes = 0;
  /** The number of bytes of a frame for `ws` that have not arrived. */
  #bytesForWs = 0;
  /** Whether `ws` has fragments of a message whose last one has not arrived. */
  #isFragmented = false;
  /** The message that is split between chunks, and the number of its bytes that have arrived. */
  #message: Buffer | undefined;
  #filledBytes = 0;
  #isFragment = false;
  /** The chunks that wait, in order: from the index `#first` on, and from byte `#firstAt` of that chunk on. */
  #waiting: Buffer[] = [];
  #first = 0;
  #firstAt = 0;
  #bytesRead = 0;
  #isReading = false;
  #isPaused = false;
  /** Timers and I/O run now. */
  #isYielding = false;
  /** The callbacks for the moment when no bytes wait any more. */
  #whenRead: (() => void)[] = [];

  /**
   * @param socket the stream, below a `ws` that has just opened; no bytes were read from it yet
   * @param isMasked whether the peer masks its frames, as a client must
   * @param onUnknownPeer called when the peer sends more than a greeting before it is known; nothing more is read then
   * @param compressed set if compression was agreed
   */
  constructor(
    socket: Duplex,
    isMasked: boolean,
    onMessage: MessageSink,
    onUnknownPeer: () => void,
    compressed?: CompressedMessages,
  ) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    this.#onUnknownPeer = onUnknownPeer;
    this.#compressed = compressed;
    this.#maskBit = isMasked ? MASKED : 0;
    const [readByWs, ...others] = socket.listeners('data');
    // If another version of `ws` reads in another way, it reads alone: slower, and also correct.
    if (readByWs === undefined || others.length > 0) return;
    this.#readByWs = readByWs as DataListener;
    socket.on('data', this.#onData);
    socket.off('data', this.#readByWs);
    // `ws` has just added its own listener, as the last one.
    const closeOfWs = socket.listeners('close').at(-1) as CloseListener | undefined;
    if (closeOfWs !== undefined) socket.off('close', closeOfWs);
    socket.once('close', (hadError: boolean) => {
      // A broken stream left these bytes. `ws` would read them from any position.
      while (this.#readByWs !== undefined) {
        const rest = socket.read() as Buffer | null;
        if (rest === null) break;
        this.#onData(rest);
      }
      this.whenRead(() => closeOfWs?.call(socket, hadError));
    });
    // A paused stream still reports its end. `ws` would then write nothing more and take no waiting frame.
    const endOfWs = socket.listeners('end').at(-1) as (() => void) | undefined;
    if (endOfWs !== undefined) socket.off('end', endOfWs);
    socket.once('end', () => {
      this.whenRead(() => endOfWs?.call(socket));
    });
  }

  /** The peer is known: from now on, messages longer than greetings are read here. */
  allowFrames(): void {
    this.#maxBytes = MAX_MESSAGE_BYTES;
    this.#isPeerKnown = true;
  }

  /** Whether bytes that have arrived wait for delivery. */
  get isWaiting(): boolean {
    return this.#first < this.#waiting.length;
  }

  /** The number of bytes that this reader has passed. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Calls `then` when all bytes that have arrived were delivered; at once if none wait. */
  whenRead(then: () => void): void {
    if (this.isWaiting) this.#whenRead.push(then);
    else then();
  }

  /** Stops the delivery: new bytes wait, and so does the rest of the present chunk. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Continues the delivery in a later turn of the event loop, with the waiting bytes first. */
  resume(): void {
    this.#isPaused = false;
    if (this.isWaiting && !this.#isReading) this.#yield();
  }

  /** Drops all messages: forgets the waiting bytes, and keeps reading, so that it sees the end of the stream. */
  stop(): void {
    this.#message = undefined;
    this.#compressed?.stop();
    this.#isPaused = false;
    this.#finishWaiting();
  }

  // Hot path.
  readonly #onData = (chunk: Buffer): void => {
    this.#waiting.push(chunk);
    this.#bytesRead += chunk.length;
    if (this.#isReading || this.#isYielding || this.#isPaused) this.#socket.pause();
    else this.#readWaiting();
  };

  /** Delivers the waiting bytes, until the slice is over. */
  #readWaiting(): void {
    this.#isReading = true;
    this.#slice.begin();
    let isOver = false;
    while (!isOver && !this.#isPaused && this.isWaiting) {
      const chunk = this.#waiting[this.#first] as Buffer;
      isOver = this.#read(chunk, this.#firstAt);
      // All chunks may have been dropped meanwhile. A chunk whose memory was transferred may have no length any more.
      if (this.isWaiting && this.#firstAt >= chunk.length) {
        this.#first += 1;
        this.#firstAt = 0;
      }
    }
    this.#isReading = false;
    if (!this.isWaiting) this.#finishWaiting();
    if (isOver) this.#yield();
    else if (this.isWaiting) this.#socket.pause();
  }

  /** Lets timers and I/O run. */
  #yield(): void {
    if (this.#isYielding) return;
    this.#isYielding = true;
    this.#socket.pause();
    setImmediate(this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#isYielding = false;
    this.#slice.renew();
    if (this.#isPaused) return;
    this.#readWaiting();
    if (!this.isWaiting && !this.#isYielding && !this.#isPaused) this.#socket.resume();
  };

  /** No bytes wait any more. */
  #finishWaiting(): void {
    // The array stays, because a new one for each chunk would cost more than all other work.
    this.#waiting.length = 0;
    this.#first = 0;
    this.#firstAt = 0;
    if (this.#whenRead.length === 0) return;
    for (const then of this.#whenRead.splice(0)) then();
  }

  /** Reads a chunk from `from` on, and stores in `#firstAt` how far it came. Returns whether the slice is over. */
  // Hot path: allocates nothing for a message that lies in one chunk.
  #read(chunk: Buffer, from: number): boolean {
    const end = chunk.length;
    const halfBytes = chunk.buffer.byteLength >>> 1;
    let at = from === 0 ? this.#finishFrame(chunk) : from;
    // The number of messages, or of frames for `ws`, until the next read of the clock. 0: the slice is over.
    let untilLook = at > from ? this.#slice.look() : 1;
    while (at < end && untilLook > 0 && !this.#isPaused) {
      const known = this.#envelopeBytes;
      let start = known === 0 ? this.#readEnvelope(chunk, at, end) : this.#readSplitEnvelope(chunk);
      if (start < 0) {
        at = this.#onNoMessage(start, chunk, at);
      } else {
        this.#envelopeBytes = 0;
        start -= known;
        const length = this.#length;
        if (end - start < length) {
          this.#begin(chunk, start);
          at = end;
          break;
        }
        at = start + length;
        if (this.#key !== 0) applyMask(chunk, start, at, this.#key);
        // Given away if the message is most of the memory and the last one in it, because its owner may detach it.
        this.#onMessage(chunk, start, at, at === end && length >= halfBytes);
      }
      untilLook -= 1;
      if (untilLook === 0) untilLook = this.#slice.look();
    }
    this.#firstAt = at;
    return untilLook === 0;
  }

  /** Reads the envelope at `at`. Returns the start of its message, or the reason why there is none. */
  #readEnvelope(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return INCOMPLETE;
    const first = bytes[at] as number;
    const second = bytes[at + 1] as number;
    if ((second & MASKED) !== this.#maskBit) return OTHER;
    let length = second & ~MASKED;
    const isMessage = first === FINAL_BINARY && !this.#isFragmented;
    const compressed = isMessage ? undefined : this.#compressedWith(first);
    if (!isMessage && compressed === undefined && !this.#isForWs(first, length))
      return this.#isBearable(first, length) ? OTHER : UNKNOWN_PEER;
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
    if (length > (compressed?.maxFrameBytes(this.#maxBytes) ?? this.#maxBytes))
      return this.#isPeerKnown ? OTHER : UNKNOWN_PEER;
    this.#length = length;
    if (this.#maskBit !== 0) {
      start += KEY_BYTES;
      if (start > end) return INCOMPLETE;
      this.#key = bytes.readInt32LE(start - KEY_BYTES);
    }
    if (isMessage) return start;
    if (compressed !== undefined) {
      this.#firstByte = first;
      this.#headBytes = start - at;
      return COMPRESSED;
    }
    this.#length += start - at;
    return first === PING || first === PONG ? CONTROL : FRAGMENT;
  }

  /** Returns the collector of a compressed message, by a frame's first byte; undefined for other frames. */
  #compressedWith(first: number): CompressedMessages | undefined {
    return this.#compressed?.takes(first, this.#isFragmented) === true ? this.#compressed : undefined;
  }

  /** Whether `ws` gets that frame and this reader continues after it. */
  #isForWs(first: number, length: number): boolean {
    if (first === PING || first === PONG) return length <= MAX_CONTROL_BYTES;
    if (first === FIRST_FRAGMENT) return !this.#isFragmented;
    return (first === NEXT_FRAGMENT || first === LAST_FRAGMENT) && this.#isFragmented;
  }

  /** Whether `ws` may read that frame. It keeps a whole message, so a text of an unknown peer must be short. */
  #isBearable(first: number, length: number): boolean {
    const isData = (first & 0x08) === 0;
    return this.#isPeerKnown || !isData || (first === FINAL_TEXT && length <= MAX_CONTROL_BYTES);
  }

  /** The same for an envelope whose beginning came with the chunk before. Its end is in this chunk. */
  #readSplitEnvelope(chunk: Buffer): number {
    const bytes = this.#envelopeBytes + chunk.copy(this.#envelope, this.#envelopeBytes);
    return this.#readEnvelope(this.#envelope, 0, bytes);
  }

  /** Handles bytes at `at` that are no message, or no known one. Returns where to continue. */
  #onNoMessage(why: number, chunk: Buffer, at: number): number {
    if (why === INCOMPLETE) {
      this.#envelopeBytes += chunk.copy(this.#envelope, this.#envelopeBytes, at);
      return chunk.length;
    }
    if (why === UNKNOWN_PEER) {
      this.#readByWs = undefined;
      this.#socket.off('data', this.#onData);
      this.#onUnknownPeer();
      return chunk.length;
    }
    if (why === COMPRESSED && this.#compressed !== undefined) {
      const start = at + this.#headBytes - this.#envelopeBytes;
      this.#envelopeBytes = 0;
      this.#compressed.begin(this.#firstByte, this.#length, this.#key);
      this.#isFragmented = this.#compressed.isFragmented;
      return this.#takeCompressed(this.#compressed, chunk, start);
    }
    const known = Buffer.from(this.#envelope.subarray(0, this.#envelopeBytes));
    this.#envelopeBytes = 0;
    if (why === FRAGMENT) return this.#giveFragment(known, chunk, at);
    return why === CONTROL ? this.#giveControls(known, chunk, at) : this.#leaveToWs(known, chunk, at);
  }

  /** Takes the rest of a compressed frame, or the part that has arrived. Returns the start of the next frame. */
  #takeCompressed(compressed: CompressedMessages, chunk: Buffer, start: number): number {
    const end = Math.min(start + compressed.missingBytes, chunk.length);
    const message = compressed.take(chunk.subarray(start, end), this.#maxBytes);
    // The memory is not given away, because zlib may share it with other arrays.
    if (message !== undefined) this.#onMessage(message, 0, message.length, false);
    return end;
  }

  #leaveToWs(known: Buffer, chunk: Buffer, at: number): number {
    const readByWs = this.#readByWs;
    this.#readByWs = undefined;
    this.#socket.off('data', this.#onData);
    if (readByWs === undefined) return chunk.length;
    this.#socket.on('data', readByWs);
    if (known.length > 0) readByWs.call(this.#socket, known);
    readByWs.call(this.#socket, chunk.subarray(at));
    for (const later of this.#waiting.splice(this.#first + 1)) readByWs.call(this.#socket, later);
    return chunk.length;
  }

  /** Gives `ws` all control frames from `at` on that have arrived. Returns the start of the next other frame. */
  #giveControls(known: Buffer, chunk: Buffer, at: number): number {
    let end = at + this.#length - known.length;
    while (end < chunk.length && this.#readEnvelope(chunk, end, chunk.length) === CONTROL) end += this.#length;
    this.#bytesForWs = Math.max(0, end - chunk.length);
    const given = Math.min(end, chunk.length);
    // A copy, because `ws` keeps incomplete frames, and pings until there is room to answer, and must own their memory.
    this.#readByWs?.call(this.#socket, Buffer.concat([known, chunk.subarray(at, given)]));
    return given;
  }

  /** Gives `ws` the part of a fragment that has arrived. Returns the start of the next frame. */
  #giveFragment(known: Buffer, chunk: Buffer, at: number): number {
    const first = known.length > 0 ? known[0] : chunk[at];
    this.#isFragmented = first !== LAST_FRAGMENT;
    if (!this.#isPeerKnown) this.#maxBytes -= this.#length;
    this.#bytesForWs = this.#length - known.length;
    if (known.length > 0) this.#readByWs?.call(this.#socket, known);
    return this.#giveRest(chunk, at);
  }

  /** Gives `ws` the rest of a frame, or the part that has arrived. Returns the start of the next frame. */
  #giveRest(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#bytesForWs, chunk.length);
    this.#bytesForWs -= end - at;
    // A copy, because `ws` keeps it, and the chunk's memory may be given away with a message behind it.
    this.#readByWs?.call(this.#socket, Buffer.from(chunk.subarray(at, end)));
    return end;
  }

  /** Takes the rest of the frame that the chunk before left unfinished. Returns the start of the next one. */
  #finishFrame(chunk: Buffer): number {
    if (this.#bytesForWs > 0) return this.#giveRest(chunk, 0);
    if (this.#compressed !== undefined && this.#compressed.missingBytes > 0)
      return this.#takeCompressed(this.#compressed, chunk, 0);
    return this.#message === undefined ? 0 : this.#fill(this.#message, chunk, 0);
  }

  /** Begins a message that starts in this chunk and ends in a later one. */
  #begin(chunk: Buffer, start: number): void {
    const length = this.#length;
    // Fragments are copied to the memory in which their message is put together. That memory is reused.
    const isFragment = start < chunk.length && (((chunk[start] as number) ^ this.#key) & 0xff) === FrameType.Fragment;
    this.#isFragment = isFragment;
    this.#message =
      length < MIN_SPARE_BYTES
        ? Buffer.allocUnsafe(length)
        : isFragment
          ? spareFrames.take(length)
          : Buffer.from(unwrittenBytes(length).buffer);
    this.#filledBytes = 0;
    this.#fill(this.#message, chunk, start);
  }

  /** Takes the chunk's part of the message, and delivers a whole message. Returns the start of the next frame. */
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
