import type { CollectedMessages } from './collected-messages.js';
import {
  FINAL_BINARY,
  FINAL_TEXT,
  KEY_BYTES,
  LENGTH_IN_16_BITS,
  LENGTH_IN_64_BITS,
  MASKED,
  MAX_CONTROL_BYTES,
  MAX_ENVELOPE_BYTES,
  PING,
  PONG,
} from './message-envelope.js';
import { MAX_MESSAGE_BYTES } from '../protocol/web-socket-protocol.js';

/** The longest message of a peer before the greetings are done. It gets no memory for a longer one. */
const GREETING_BYTES = 1024;

/** Stands for a message's start if the envelope is incomplete. */
export const INCOMPLETE = -1;
/** A ping or a pong. */
export const CONTROL = -2;
/** More than a greeting, from a peer that is not known yet. */
export const UNKNOWN_PEER = -3;
/** A frame from which on `ws` reads alone. */
export const OTHER = -4;
/** A frame of a message that is compressed or in fragments. */
export const COLLECTED = -5;
/** A frame that makes such a message too long. */
export const TOO_LONG = -6;
/** A frame that may not stand inside such a message. */
export const MISPLACED = -7;

/** Reads the envelopes of a peer's frames, and decides which kind of frame each one is. */
export class FrameEnvelope {
  /** The last envelope: the length of its message or of its whole other frame, and the key. */
  length = 0;
  key = 0;
  /** The last collected frame: its first byte, and the length of its envelope. */
  firstByte = 0;
  headBytes = 0;
  /** The number of bytes of an envelope that is split between two chunks that have arrived. */
  knownBytes = 0;
  /** The length of the longest message. */
  maxBytes = GREETING_BYTES;
  isPeerKnown = false;
  /** Whether a fragment of a message has arrived and its last one has not. */
  isFragmented = false;
  readonly #collected: CollectedMessages;
  /** The mask bit that every frame must have. */
  readonly #maskBit: number;
  readonly #split = Buffer.alloc(MAX_ENVELOPE_BYTES);

  /**
   * @param isMasked whether the peer masks its frames, as a client must
   * @param collected gets the frames of messages that are compressed or in fragments
   */
  constructor(isMasked: boolean, collected: CollectedMessages) {
    this.#maskBit = isMasked ? MASKED : 0;
    this.#collected = collected;
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
    const isCollected = !isMessage && this.#collected.takes(first);
    if (!isMessage && !isCollected && !isPingOrPong(first, length))
      return this.#isBearable(first, length) ? OTHER : UNKNOWN_PEER;
    if (isCollected && this.#collected.isMisplaced(first)) return MISPLACED;
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
    if (length > (isCollected ? this.#collected.maxFrameBytes(first, this.maxBytes) : this.maxBytes)) {
      if (!this.isPeerKnown) return UNKNOWN_PEER;
      // `ws` has not seen the earlier fragments, and would report another violation.
      return isCollected ? TOO_LONG : OTHER;
    }
    this.length = length;
    if (this.#maskBit !== 0) {
      start += KEY_BYTES;
      if (start > end) return INCOMPLETE;
      this.key = bytes.readInt32LE(start - KEY_BYTES);
    }
    if (isMessage) return start;
    if (isCollected) {
      this.firstByte = first;
      this.headBytes = start - at;
      return COLLECTED;
    }
    this.length += start - at;
    return CONTROL;
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

  /** Whether `ws` may read that frame. It keeps a whole message, so a text of an unknown peer must be short. */
  #isBearable(first: number, length: number): boolean {
    const isData = (first & 0x08) === 0;
    return this.isPeerKnown || !isData || (first === FINAL_TEXT && length <= MAX_CONTROL_BYTES);
  }
}

/** Whether `ws` gets that frame and the reader continues after it. */
function isPingOrPong(first: number, length: number): boolean {
  return (first === PING || first === PONG) && length <= MAX_CONTROL_BYTES;
}
