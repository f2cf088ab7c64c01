import type { CompressedMessages } from './compressed-messages.js';
import {
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
import { MAX_MESSAGE_BYTES } from '../protocol/web-socket-protocol.js';

/** The largest total size of a peer's greetings. A peer that sends more before they are done gets no memory for it. */
const GREETING_BYTES = 1024;

/** Stands for a message's start if the envelope is incomplete. */
export const INCOMPLETE = -1;
/** A ping or a pong. */
export const CONTROL = -2;
/** A fragment of a message that `ws` reads. */
export const FRAGMENT = -3;
/** More than a greeting, from a peer that is not known yet. */
export const UNKNOWN_PEER = -4;
/** A frame from which on `ws` reads alone. */
export const OTHER = -5;
/** A frame of a compressed message. */
export const COMPRESSED = -6;
/** A frame that makes a compressed message too long. */
export const TOO_LONG = -7;

/** Reads the envelopes of a peer's frames, and decides which kind of frame each one is. */
export class FrameEnvelope {
  /** The last envelope: the length of its message or of its whole other frame, and the key. */
  length = 0;
  key = 0;
  /** The last compressed frame: its first byte, and the length of its envelope. */
  firstByte = 0;
  headBytes = 0;
  /** The number of bytes of an envelope that is split between two chunks that have arrived. */
  knownBytes = 0;
  /** The length of the longest message; for an unknown peer, the number of bytes that it may still send. */
  maxBytes = GREETING_BYTES;
  isPeerKnown = false;
  /** Whether a fragment of a message has arrived and its last one has not. */
  isFragmented = false;
  readonly #compressed: CompressedMessages | undefined;
  /** The mask bit that every frame must have. */
  readonly #maskBit: number;
  readonly #split = Buffer.alloc(MAX_ENVELOPE_BYTES);

  /**
   * @param isMasked whether the peer masks its frames, as a client must
   * @param compressed set if compression was agreed
   */
  constructor(isMasked: boolean, compressed: CompressedMessages | undefined) {
    this.#maskBit = isMasked ? MASKED : 0;
    this.#compressed = compressed;
  }

  /** The peer is known: from now on, messages longer than greetings are read. */
  allowFrames(): void {
    this.maxBytes = MAX_MESSAGE_BYTES;
    this.isPeerKnown = true;
  }

  /** Reads the envelope at `at`. Returns the start of its message, or the reason why there is none. */
  // Hot path.
  read(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return INCOMPLETE;
    const first = bytes[at] as number;
    const second = bytes[at + 1] as number;
    if ((second & MASKED) !== this.#maskBit) return OTHER;
    let length = second & ~MASKED;
    const isMessage = first === FINAL_BINARY && !this.isFragmented;
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
    if (length > (compressed?.maxFrameBytes(this.maxBytes) ?? this.maxBytes)) {
      if (!this.isPeerKnown) return UNKNOWN_PEER;
      // `ws` has not seen the earlier fragments, and would report another violation.
      return compressed === undefined ? OTHER : TOO_LONG;
    }
    this.length = length;
    if (this.#maskBit !== 0) {
      start += KEY_BYTES;
      if (start > end) return INCOMPLETE;
      this.key = bytes.readInt32LE(start - KEY_BYTES);
    }
    if (isMessage) return start;
    if (compressed !== undefined) {
      this.firstByte = first;
      this.headBytes = start - at;
      return COMPRESSED;
    }
    this.length += start - at;
    return first === PING || first === PONG ? CONTROL : FRAGMENT;
  }

  /** The same for an envelope whose beginning came with the chunk before. Its end is in this chunk. */
  readSplit(chunk: Buffer): number {
    const bytes = this.knownBytes + chunk.copy(this.#split, this.knownBytes);
    return this.read(this.#split, 0, bytes);
  }

  /** Keeps the beginning of an envelope, from `at` on. The rest comes with the next chunk. */
  keep(chunk: Buffer, at: number): void {
    this.knownBytes += chunk.copy(this.#split, this.knownBytes, at);
  }

  /** Returns the kept beginning of the envelope, in memory of its own, and forgets it. */
  takeKnown(): Buffer {
    const known = Buffer.from(this.#split.subarray(0, this.knownBytes));
    this.knownBytes = 0;
    return known;
  }

  /** Returns the collector of a compressed message, by a frame's first byte; undefined for other frames. */
  #compressedWith(first: number): CompressedMessages | undefined {
    return this.#compressed?.takes(first, this.isFragmented) === true ? this.#compressed : undefined;
  }

  /** Whether `ws` gets that frame and the reader continues after it. */
  #isForWs(first: number, length: number): boolean {
    if (first === PING || first === PONG) return length <= MAX_CONTROL_BYTES;
    if (first === FIRST_FRAGMENT) return !this.isFragmented;
    return (first === NEXT_FRAGMENT || first === LAST_FRAGMENT) && this.isFragmented;
  }

  /** Whether `ws` may read that frame. It keeps a whole message, so a text of an unknown peer must be short. */
  #isBearable(first: number, length: number): boolean {
    const isData = (first & 0x08) === 0;
    return this.isPeerKnown || !isData || (first === FINAL_TEXT && length <= MAX_CONTROL_BYTES);
  }
}
