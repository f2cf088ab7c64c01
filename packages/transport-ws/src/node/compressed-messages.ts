import { NetworkError } from '@entropynet/core';
import { type CompressionConfig, inflate, type Unreadable } from './compression.js';
import {
  applyMask,
  COMPRESSED_BINARY,
  FIRST_COMPRESSED_FRAGMENT,
  LAST_FRAGMENT,
  NEXT_FRAGMENT,
} from './message-envelope.js';
import { CloseCode } from '../protocol/web-socket-protocol.js';

/** The limit of `ws`. */
const MAX_FRAGMENTS = 1024;

/** Set in the first byte of control frames (RFC 6455, section 5.5). */
const CONTROL_BIT = 0x08;

/**
 * Collects the frames of compressed messages, one message after the other, and inflates each when it is whole. Between
 * messages it holds no memory.
 */
export class CompressedMessages {
  readonly #maxRatio: number;
  readonly #onUnreadable: (why: Unreadable) => void;
  /** The frames of the message, and their total length in bytes. */
  #parts: Buffer[] = [];
  #collectedBytes = 0;
  /** The frame that is being read; undefined also while its bytes are skipped. */
  #frame: Buffer | undefined;
  #missingBytes = 0;
  #key = 0;
  #isLast = true;
  #isStopped = false;

  /**
   * @param onUnreadable called if a message can't be inflated, or not within its limits; nothing is inflated after that
   */
  constructor({ maxRatio }: CompressionConfig, onUnreadable: (why: Unreadable) => void) {
    this.#maxRatio = maxRatio;
    this.#onUnreadable = onUnreadable;
  }

  /** The number of bytes of the present frame that have not arrived. */
  get missingBytes(): number {
    return this.#missingBytes;
  }

  /** Whether another fragment must follow. */
  get isFragmented(): boolean {
    return !this.#isLast;
  }

  /**
   * Whether a frame with this first byte belongs to a compressed message.
   * @param isFragmented whether a message of any kind is unfinished
   */
  takes(first: number, isFragmented: boolean): boolean {
    // This includes invalid frames: `ws` has not seen the first fragment, and would read such a frame as a new message.
    if (isFragmented) return this.isFragmented && (first & CONTROL_BIT) === 0;
    return first === COMPRESSED_BINARY || first === FIRST_COMPRESSED_FRAGMENT;
  }

  /**
   * The largest length of the next frame if a message may have `maxBytes`. Compression makes some data slightly longer.
   */
  maxFrameBytes(maxBytes: number): number {
    return maxBytes + (maxBytes >>> 6) + 64 - this.#collectedBytes;
  }

  /** Begins a frame. */
  begin(first: number, length: number, key: number): void {
    const isNext = first === NEXT_FRAGMENT || first === LAST_FRAGMENT;
    if (this.isFragmented !== isNext) this.#refuse(brokenOff());
    this.#isLast = first === COMPRESSED_BINARY || first === LAST_FRAGMENT;
    this.#missingBytes = length;
    this.#key = key;
    if (!this.#isStopped) this.#frame = Buffer.allocUnsafe(length);
  }

  /**
   * Copies more of the frame. Returns the message if it is whole now and valid.
   * @param maxBytes the length of the longest message
   */
  take(bytes: Buffer, maxBytes: number): Buffer | undefined {
    const frame = this.#frame;
    const at = (frame?.length ?? 0) - this.#missingBytes;
    this.#missingBytes -= bytes.length;
    if (frame === undefined) return undefined;
    bytes.copy(frame, at);
    if (this.#missingBytes > 0) return undefined;
    if (this.#key !== 0) applyMask(frame, 0, frame.length, this.#key);
    this.#frame = undefined;
    this.#parts.push(frame);
    this.#collectedBytes += frame.length;
    if (!this.#isLast) {
      if (this.#parts.length >= MAX_FRAGMENTS) this.#refuse(tooManyFragments());
      return undefined;
    }
    const parts = this.#parts;
    this.#forget();
    const message = inflate(parts, maxBytes, this.#maxRatio);
    if ('length' in message) return message;
    this.#refuse(message);
    return undefined;
  }

  /** Refuses the next frame, because with it the message would be too long (`maxFrameBytes`). */
  refuseLength(): void {
    this.#refuse(tooLong());
  }

  /** Stops inflating: later bytes are skipped. */
  stop(): void {
    this.#isStopped = true;
    this.#frame = undefined;
    this.#forget();
  }

  #refuse(why: Unreadable): void {
    this.stop();
    this.#onUnreadable(why);
  }

  #forget(): void {
    this.#parts = [];
    this.#collectedBytes = 0;
  }
}

function tooManyFragments(): Unreadable {
  const error = new NetworkError('InvalidMessage', `the peer sent a message in ${MAX_FRAGMENTS} fragments or more`);
  return { error, closeCode: CloseCode.PolicyViolation };
}

function tooLong(): Unreadable {
  const error = new NetworkError('InvalidMessage', 'the peer sent a compressed message that is too long');
  return { error, closeCode: CloseCode.TooLarge };
}

function brokenOff(): Unreadable {
  const error = new NetworkError('InvalidMessage', 'the peer began a message before the previous one was complete');
  return { error, closeCode: CloseCode.ProtocolError };
}
