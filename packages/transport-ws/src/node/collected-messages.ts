import { NetworkError } from '@entropynet/core';
import { type CompressionConfig, inflate, type Unreadable } from './compression.js';
import {
  applyMask,
  COMPRESSED_BINARY,
  FIRST_COMPRESSED_FRAGMENT,
  FIRST_FRAGMENT,
  LAST_FRAGMENT,
  NEXT_FRAGMENT,
} from './message-envelope.js';
import { MIN_SPARE_BYTES, spareFrames } from './spare-frames.js';
import { type MessageSink, SplitMessage } from './split-message.js';
import { CloseCode, MAX_MESSAGE_BYTES } from '../protocol/web-socket-protocol.js';

/** The limit of `ws`. */
const MAX_FRAGMENTS = 1024;

/** Set in the first byte of control frames (RFC 6455, section 5.5). */
const CONTROL_BIT = 0x08;

/** The events of collected messages, for their reader. */
export interface CollectedMessagesEvents {
  readonly onMessage: MessageSink;
  /** A message breaks the protocol or a limit. From then on, collected messages are dropped. */
  readonly onUnreadable: (why: Unreadable) => void;
}

/**
 * Collects the frames of messages that are compressed or in fragments, one message after the other. Inflates or joins
 * each when it is whole, and delivers it. Between messages it holds no memory.
 */
export class CollectedMessages {
  readonly #compression: CompressionConfig | undefined;
  readonly #events: CollectedMessagesEvents;
  /** Puts the fragments together in the memory in which the message is delivered. */
  readonly #joined: SplitMessage;
  /** The frames of the message, and their total length in bytes. */
  #parts: Buffer[] = [];
  #collectedBytes = 0;
  /** The frame that is being read; undefined also while its bytes are skipped. */
  #frame: Buffer | undefined;
  #missingBytes = 0;
  #key = 0;
  #isCompressed = false;
  #isLast = true;
  #isStopped = false;

  /** @param compression undefined if the sides did not agree on any */
  constructor(compression: CompressionConfig | undefined, events: CollectedMessagesEvents) {
    this.#compression = compression;
    this.#events = events;
    this.#joined = new SplitMessage(events.onMessage);
  }

  /** The number of bytes of the present frame that have not arrived. */
  get missingBytes(): number {
    return this.#missingBytes;
  }

  /** Whether another fragment must follow. */
  get isFragmented(): boolean {
    return !this.#isLast;
  }

  /** Whether a frame with this first byte belongs to such a message. */
  takes(first: number): boolean {
    // This includes invalid frames: `ws` has not seen the first fragment, and would read such a frame as a new message.
    if (this.isFragmented) return (first & CONTROL_BIT) === 0;
    return first === FIRST_FRAGMENT || (this.#compression !== undefined && isCompressed(first));
  }

  /**
   * The largest length of a frame with this first byte if a message may have `maxBytes`. Compression makes some data
   * slightly longer.
   */
  maxFrameBytes(first: number, maxBytes: number): number {
    const isLonger = this.isFragmented ? this.#isCompressed : isCompressed(first);
    return (isLonger ? maxBytes + (maxBytes >>> 6) + 64 : maxBytes) - this.#collectedBytes;
  }

  /** Begins a frame. */
  begin(first: number, length: number, key: number): void {
    const isNext = first === NEXT_FRAGMENT || first === LAST_FRAGMENT;
    if (this.isFragmented !== isNext) this.#refuse(brokenOff());
    if (!isNext) this.#isCompressed = isCompressed(first);
    this.#isLast = first === COMPRESSED_BINARY || first === LAST_FRAGMENT;
    this.#missingBytes = length;
    this.#key = key;
    if (this.#isStopped) return;
    this.#frame = length < MIN_SPARE_BYTES ? Buffer.allocUnsafe(length) : spareFrames.take(length);
  }

  /**
   * Copies more of the frame, and delivers the message if it is whole now and valid.
   * @param maxBytes the length of the longest message
   */
  take(bytes: Buffer, maxBytes: number): void {
    const frame = this.#frame;
    const at = (frame?.length ?? 0) - this.#missingBytes;
    this.#missingBytes -= bytes.length;
    if (frame === undefined) return;
    bytes.copy(frame, at);
    if (this.#missingBytes > 0) return;
    if (this.#key !== 0) applyMask(frame, 0, frame.length, this.#key);
    this.#frame = undefined;
    this.#parts.push(frame);
    this.#collectedBytes += frame.length;
    if (this.#isLast) this.#finish(maxBytes);
    else if (this.#parts.length >= MAX_FRAGMENTS) this.#refuse(tooManyFragments());
  }

  /** Refuses the next frame, because with it the message would be too long (`maxFrameBytes`). */
  refuseLength(): void {
    this.#refuse(tooLong());
  }

  /** Stops the delivery: later bytes are skipped. */
  stop(): void {
    this.#isStopped = true;
    this.#frame = undefined;
    this.#forget();
  }

  #finish(maxBytes: number): void {
    const parts = this.#parts;
    const length = this.#collectedBytes;
    this.#forget();
    if (this.#isCompressed && this.#compression !== undefined) {
      const message = inflate(parts, maxBytes, this.#compression.maxRatio);
      if (!('length' in message)) this.#refuse(message);
      // The memory is not given away, because zlib may share it with other arrays.
      else this.#events.onMessage(message, 0, message.length, false);
    } else {
      const [first = Buffer.alloc(0), ...others] = parts;
      this.#joined.begin(length, 0, first, 0);
      for (const part of others) this.#joined.fill(part, 0);
    }
    for (const part of parts) if (part.length >= MIN_SPARE_BYTES) spareFrames.give(part);
  }

  #refuse(why: Unreadable): void {
    this.stop();
    this.#events.onUnreadable(why);
  }

  #forget(): void {
    this.#parts = [];
    this.#collectedBytes = 0;
  }
}

/** Whether a message whose first frame has this first byte is compressed. */
function isCompressed(first: number): boolean {
  return first === COMPRESSED_BINARY || first === FIRST_COMPRESSED_FRAGMENT;
}

function tooManyFragments(): Unreadable {
  const error = new NetworkError('InvalidMessage', `the peer sent a message in ${MAX_FRAGMENTS} fragments or more`);
  return { error, closeCode: CloseCode.PolicyViolation };
}

function tooLong(): Unreadable {
  const error = new NetworkError('InvalidMessage', `the peer sent a message of more than ${MAX_MESSAGE_BYTES} bytes`);
  return { error, closeCode: CloseCode.TooLarge };
}

function brokenOff(): Unreadable {
  const error = new NetworkError('InvalidMessage', 'the peer began a message before the previous one was complete');
  return { error, closeCode: CloseCode.ProtocolError };
}
