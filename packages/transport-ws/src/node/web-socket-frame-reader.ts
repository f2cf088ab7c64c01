import type { Duplex } from 'node:stream';
import { type NetworkError, receiveShortage } from '@entropynet/core';
import { CollectedMessages } from './collected-messages.js';
import type { CompressionConfig, Unreadable } from './compression.js';
import { DeliverySlice } from './delivery-slice.js';
import { COLLECTED, CONTROL, FrameEnvelope, INCOMPLETE, MISPLACED, TOO_LONG, UNKNOWN_PEER } from './frame-envelope.js';
import { FramesForWs } from './frames-for-ws.js';
import { applyMask } from './message-envelope.js';
import { setImmediate } from './platform-timers.js';
import { type MessageSink, SplitMessage } from './split-message.js';

/** The events of a frame reader, for its link. */
export interface FrameReaderEvents {
  readonly onMessage: MessageSink;
  /** The peer sent more than a greeting before it is known. Nothing more is read. */
  onUnknownPeer(): void;
  /** A message breaks the protocol or a limit. The link must end, and drop the messages that the reader still delivers. */
  onUnreadable(why: Unreadable): void;
  /** There is no memory for a message. Nothing more is read, because the place in the stream is lost. */
  onShortage(error: NetworkError): void;
}

/**
 * Reads binary messages from the stream below a WebSocket without `ws`, which allocates about a kilobyte of objects for
 * each. A message in one piece is delivered in place. A message in several pieces is put together in the memory in
 * which it is delivered. A message in fragments is collected and joined: Chromium sends each message of more than 128
 * KiB in fragments. Compressed messages are inflated here, in order. This reader also refuses what is wrong in such
 * messages, because `ws` has not seen their beginning.
 *
 * `ws` gets pings and pongs. After the first other byte (a close frame, text or an invalid frame) `ws` reads the stream
 * alone, as if this reader did not exist.
 *
 * After a millisecond of delivery, the rest waits until timers and I/O have run. Meanwhile the stream is paused, and
 * `ws` does not learn that it has ended or closed.
 */
export class WebSocketFrameReader {
  readonly #socket: Duplex;
  readonly #onMessage: MessageSink;
  readonly #events: FrameReaderEvents;
  readonly #collected: CollectedMessages;
  readonly #slice = new DeliverySlice();
  readonly #envelope: FrameEnvelope;
  readonly #split: SplitMessage;
  readonly #forWs: FramesForWs;
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
   * @param compression set if compression was agreed
   */
  constructor(socket: Duplex, isMasked: boolean, events: FrameReaderEvents, compression?: CompressionConfig) {
    this.#socket = socket;
    this.#onMessage = events.onMessage;
    this.#events = events;
    this.#collected = new CollectedMessages(compression, events);
    this.#envelope = new FrameEnvelope(isMasked, this.#collected);
    this.#split = new SplitMessage(events.onMessage);
    this.#forWs = new FramesForWs(socket, this.#envelope, {
      onData: this.#onData,
      whenRead: (then) => {
        this.whenRead(then);
      },
    });
  }

  /** The peer is known: from now on, messages longer than greetings are read here. */
  allowFrames(): void {
    this.#envelope.allowFrames();
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
    this.#split.drop();
    this.#collected.stop();
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
    try {
      this.#readSlice();
    } catch (error) {
      this.#isReading = false;
      const shortage = receiveShortage(error);
      this.#forWs.refuse();
      this.stop();
      this.#events.onShortage(shortage);
    }
  }

  #readSlice(): void {
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
    const envelope = this.#envelope;
    let at = from === 0 ? this.#finishFrame(chunk) : from;
    // The number of messages, or of frames for `ws`, until the next read of the clock. 0: the slice is over.
    let untilLook = at > from ? this.#slice.look() : 1;
    while (at < end && untilLook > 0 && !this.#isPaused) {
      const known = envelope.knownBytes;
      let start = known === 0 ? envelope.read(chunk, at, end) : envelope.readSplit(chunk);
      if (start < 0) {
        at = this.#onNoMessage(start, chunk, at);
      } else {
        envelope.knownBytes = 0;
        start -= known;
        const length = envelope.length;
        const key = envelope.key;
        if (end - start < length) {
          this.#split.begin(length, key, chunk, start);
          at = end;
          break;
        }
        at = start + length;
        if (key !== 0) applyMask(chunk, start, at, key);
        // Given away if the message is most of the memory and the last one in it, because its owner may detach it.
        this.#onMessage(chunk, start, at, at === end && length >= halfBytes);
      }
      untilLook -= 1;
      if (untilLook === 0) untilLook = this.#slice.look();
    }
    this.#firstAt = at;
    return untilLook === 0;
  }

  /** Handles bytes at `at` that are no message, or no known one. Returns where to continue. */
  #onNoMessage(why: number, chunk: Buffer, at: number): number {
    const envelope = this.#envelope;
    if (why === INCOMPLETE) {
      envelope.keep(chunk, at);
      return chunk.length;
    }
    if (why === UNKNOWN_PEER) {
      this.#forWs.refuse();
      this.#events.onUnknownPeer();
      return chunk.length;
    }
    if (why === TOO_LONG || why === MISPLACED) {
      this.#forWs.refuse();
      if (why === TOO_LONG) this.#collected.refuseLength();
      else this.#collected.refuseFrame();
      return chunk.length;
    }
    if (why === COLLECTED) {
      const start = at + envelope.headBytes - envelope.knownBytes;
      envelope.knownBytes = 0;
      this.#collected.begin(envelope.firstByte, envelope.length, envelope.key);
      envelope.isFragmented = this.#collected.isFragmented;
      return this.#takeCollected(chunk, start);
    }
    const known = envelope.takeKnown();
    if (why === CONTROL) return this.#forWs.giveControls(known, chunk, at);
    this.#leaveToWs(known, chunk.subarray(at));
    return chunk.length;
  }

  #leaveToWs(known: Buffer, rest: Buffer): void {
    const give = this.#forWs.leave();
    if (give === undefined) return;
    if (known.length > 0) give(known);
    give(rest);
    for (const later of this.#waiting.splice(this.#first + 1)) give(later);
  }

  /** Takes the rest of a collected frame, or the part that has arrived. Returns the start of the next frame. */
  #takeCollected(chunk: Buffer, start: number): number {
    const end = Math.min(start + this.#collected.missingBytes, chunk.length);
    this.#collected.take(chunk.subarray(start, end), this.#envelope.maxBytes);
    return end;
  }

  /** Takes the rest of the frame that the chunk before left unfinished. Returns the start of the next one. */
  #finishFrame(chunk: Buffer): number {
    if (this.#forWs.missingBytes > 0) return this.#forWs.giveRest(chunk, 0);
    if (this.#collected.missingBytes > 0) return this.#takeCollected(chunk, 0);
    return this.#split.fill(chunk, 0);
  }
}
