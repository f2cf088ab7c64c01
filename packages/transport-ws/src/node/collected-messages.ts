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

/** The longest compressed form of a message of `maxBytes`: compression makes some data slightly longer. */
const longestBytes = (maxBytes: number): number => maxBytes + (maxBytes >>> 6) + 64;

/**
 * The lengths of memory in which a message is collected, in bytes. There are few, so that long messages use the memory of
 * earlier ones, and a message in short fragments is copied twice at most.
 */
const MEMORY_BYTES = [4096, 2 * MIN_SPARE_BYTES, longestBytes(MAX_MESSAGE_BYTES)] as const;

const NO_MEMORY = Buffer.alloc(0);

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
  /** Copies a message to the memory in which it is delivered. */
  readonly #joined: SplitMessage;
  /** The frames of the message, one behind the other, and their total length in bytes. All of them share one memory, however short they are. */
  #memory: Buffer = NO_MEMORY;
  #collectedBytes = 0;
  #fragments = 0;
  /** The start of the present frame in the memory. */
  #frameStart = 0;
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

  /** Whether a frame with this first byte, which `takes()` accepts, may not come now. */
  isMisplaced(first: number): boolean {
    return this.isFragmented && first !== NEXT_FRAGMENT && first !== LAST_FRAGMENT;
  }

  /** The largest length of a frame with this first byte if a message may have `maxBytes`. */
  maxFrameBytes(first: number, maxBytes: number): number {
    const isLonger = this.isFragmented ? this.#isCompressed : isCompressed(first);
    return (isLonger ? longestBytes(maxBytes) : maxBytes) - this.#collectedBytes;
  }

  /** Begins a frame. Its order and its length were checked. */
  begin(first: number, length: number, key: number): void {
    if (!this.isFragmented) this.#isCompressed = isCompressed(first);
    this.#isLast = first === COMPRESSED_BINARY || first === LAST_FRAGMENT;
    this.#missingBytes = length;
    this.#key = key;
    this.#frameStart = this.#collectedBytes;
    if (!this.#isStopped) this.#makeRoom(this.#collectedBytes + length);
  }

  /**
   * Copies more of the frame, and delivers the message if it is whole now and valid.
   * @param maxBytes the length of the longest message
   */
  take(bytes: Buffer, maxBytes: number): void {
    this.#missingBytes -= bytes.length;
    if (this.#isStopped) return;
    bytes.copy(this.#memory, this.#collectedBytes);
    this.#collectedBytes += bytes.length;
    if (this.#missingBytes > 0) return;
    if (this.#key !== 0) applyMask(this.#memory, this.#frameStart, this.#collectedBytes, this.#key);
    this.#fragments += 1;
    if (this.#isLast) this.#finish(maxBytes);
    else if (this.#fragments === MAX_FRAGMENTS) this.#refuse(tooManyFragments());
  }

  /** Refuses the next frame, because it may not come now (`isMisplaced`). */
  refuseFrame(): void {
    this.#refuse(misplaced());
  }

  /** Refuses the next frame, because with it the message would be too long (`maxFrameBytes`). */
  refuseLength(): void {
    this.#refuse(tooLong());
  }

  /** Stops the delivery: later bytes are skipped. */
  stop(): void {
    this.#isStopped = true;
    this.#forget();
  }

  #makeRoom(needed: number): void {
    const full = this.#memory;
    if (full.length >= needed) return;
    const length = MEMORY_BYTES.find((bytes) => bytes >= needed) ?? MEMORY_BYTES[2];
    // Memory of its own also for a few bytes: a part of a pool would keep the whole pool.
    this.#memory = length < MIN_SPARE_BYTES ? Buffer.allocUnsafeSlow(length) : spareFrames.take(length);
    full.copy(this.#memory, 0, 0, this.#collectedBytes);
    giveBack(full);
  }

  #finish(maxBytes: number): void {
    const memory = this.#memory;
    const collected = memory.subarray(0, this.#collectedBytes);
    this.#forget();
    if (this.#isCompressed && this.#compression !== undefined) {
      const message = inflate(collected, maxBytes, this.#compression.maxRatio);
      if (!('length' in message)) this.#refuse(message);
      // The memory is not given away, because zlib may share it with other arrays.
      else this.#events.onMessage(message, 0, message.length, false);
    } else this.#joined.begin(collected.length, 0, collected, 0);
    giveBack(memory);
  }

  #refuse(why: Unreadable): void {
    this.stop();
    this.#events.onUnreadable(why);
  }

  #forget(): void {
    this.#memory = NO_MEMORY;
    this.#collectedBytes = 0;
    this.#fragments = 0;
  }
}

function giveBack(memory: Buffer): void {
  if (memory.length >= MIN_SPARE_BYTES) spareFrames.give(memory);
}

/** Whether a message whose first frame has this first byte is compressed. */
function isCompressed(first: number): boolean {
  return first === COMPRESSED_BINARY || first === FIRST_COMPRESSED_FRAGMENT;
}

function tooManyFragments(): Unreadable {
  const error = new NetworkError('InvalidMessage', `the peer sent a message in more than ${MAX_FRAGMENTS} fragments`);
  return { error, closeCode: CloseCode.PolicyViolation };
}

function tooLong(): Unreadable {
  const error = new NetworkError('InvalidMessage', `the peer sent a message of more than ${MAX_MESSAGE_BYTES} bytes`);
  return { error, closeCode: CloseCode.TooLarge };
}

function misplaced(): Unreadable {
  const error = new NetworkError('InvalidMessage', 'the peer sent a frame that may not stand inside a message');
  return { error, closeCode: CloseCode.ProtocolError };
}
