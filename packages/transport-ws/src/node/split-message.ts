import { FrameType } from '@entropynet/core';
import { unwrittenBytes } from '@entropynet/core/platform';
import { applyMask } from './message-envelope.js';
import { MIN_SPARE_BYTES, spareFrames } from './spare-frames.js';

/**
 * Takes one message: `bytes[start, end)`.
 * `isOwned`: whether the receiver may keep the memory; if not, it is valid during this call only.
 */
export type MessageSink = (bytes: Uint8Array, start: number, end: number, isOwned: boolean) => void;

/** Puts a message together that is split between chunks, in the memory in which it is delivered. */
export class SplitMessage {
  readonly #onMessage: MessageSink;
  /** The message, and the number of its bytes that have arrived; undefined while no message is unfinished. */
  #message: Buffer | undefined;
  #filledBytes = 0;
  #key = 0;
  #isFragment = false;

  constructor(onMessage: MessageSink) {
    this.#onMessage = onMessage;
  }

  /** Begins a message of `length` bytes that starts in this chunk and ends in a later one. */
  begin(length: number, key: number, chunk: Buffer, start: number): void {
    // Fragments are copied to the memory in which their message is put together. That memory is reused.
    const isFragment = start < chunk.length && (((chunk[start] as number) ^ key) & 0xff) === FrameType.Fragment;
    this.#isFragment = isFragment;
    this.#key = key;
    this.#message =
      length < MIN_SPARE_BYTES
        ? Buffer.allocUnsafe(length)
        : isFragment
          ? spareFrames.take(length)
          : Buffer.from(unwrittenBytes(length).buffer);
    this.#filledBytes = 0;
    this.fill(chunk, start);
  }

  /** Takes the chunk's part of the message, and delivers a whole message. Returns the start of the next frame. */
  fill(chunk: Buffer, start: number): number {
    const message = this.#message;
    if (message === undefined) return start;
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

  /** Forgets the unfinished message. */
  drop(): void {
    this.#message = undefined;
  }
}
