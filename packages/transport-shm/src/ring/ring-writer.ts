import type { FrameWriter } from '@entropynet/core';
import { AWAKE, FRAME_HEADER_BYTES, PADDING_LENGTH } from '../region/layout.js';
import { copyInto } from './copy-into.js';
import { ALIGNMENT_MASK, frameBytesOf } from './frame-bytes.js';
import { loadAfterStore } from './load-after-store.js';
import type { RingWriterEvents } from './ring-events.js';
import type { RingLocation } from './ring-location.js';
import { RingRoom } from './ring-room.js';

/** The part of a batch that is published at once, in bytes: the consumer reads it during the write of the next part. */
const BATCH_BYTES = 4096;
/**
 * The producing end of a ring. Its own position is private, and the shared word is only a copy for the peer. `RingRoom`
 * checks the consumer's position.
 */
export class RingWriter implements FrameWriter {
  readonly maxFrameBytes: number;

  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly buffer: ArrayBufferLike;
  private readonly start: number;
  private readonly capacity: number;
  private readonly tailIndex: number;
  private readonly sleepIndex: number;
  private readonly exchange: (() => void) | undefined;
  private readonly events: RingWriterEvents;
  private readonly consumer: RingRoom;

  /** The place of the next frame, as a byte offset in the region. It is private, so a peer can't change it. */
  private at: number;
  /** What to add to that place for the free-running position, which only grows. */
  private lap: number;
  /** Bytes at that place that are surely free, without a look at the consumer's position. */
  private room = 0;
  /** The position that the consumer sees. It differs from the private one inside a batch, and after padding without a frame behind it. */
  private published = 0;
  private isBatching = false;
  /** Whether a frame is visible as soon as it is complete: there is no batch, and no copy of the region to exchange. */
  private isDirect: boolean;
  /** Whether a frame of the batch was not published. */
  private isPending = false;
  /** The tail at the last call of `hasWrittenMore()`. */
  private noted = 0;
  private claimedLength = 0;
  private claimedFrameBytes = 0;
  private isPoisoned = false;

  constructor(ring: RingLocation, events: RingWriterEvents) {
    this.words = ring.words;
    this.bytes = ring.bytes;
    this.buffer = ring.bytes.buffer;
    this.start = ring.start;
    this.at = ring.start;
    this.lap = -ring.start;
    this.capacity = ring.capacity;
    this.tailIndex = ring.tail;
    this.sleepIndex = ring.consumerSleep;
    this.exchange = ring.exchange;
    this.isDirect = ring.exchange === undefined;
    this.events = events;
    const onCorrupted = (reason: string): void => {
      this.close();
      events.onCorrupted(reason);
    };
    this.consumer = new RingRoom(ring, { onCorrupted, onFrame: events.onFrame });
    // A quarter of the ring: a frame with its padding always fits an empty ring, and several frames can be in flight.
    this.maxFrameBytes = ((ring.capacity >>> 2) & ALIGNMENT_MASK) - FRAME_HEADER_BYTES;
  }

  /** Whether a refused write may succeed now. At most two loads. */
  get mayUnblock(): boolean {
    return !this.isPoisoned && this.consumer.mayHaveCome(this.tail());
  }

  /** This side's own position: the end of the last published frame. */
  get written(): number {
    return this.published;
  }

  /** Whether frames were written since the last call. */
  hasWrittenMore(): boolean {
    const hasMore = this.published !== this.noted;
    this.noted = this.published;
    return hasMore;
  }

  /** Reports the next frame (`onFrame`). No frame checks for it: without known room, the next one goes to `RingRoom`. */
  reportNextFrame(): void {
    this.consumer.reportNextFrame();
    this.room = 0;
  }

  /**
   * Gets the cache line of the next frame back from the consumer, which has read it in the last lap. This takes as long
   * as a tenth of a round trip, so a thread does it while it waits. Nobody reads the word before the next frame writes it.
   */
  prepareFrame(): void {
    if (this.room > 0) this.words[this.at >> 2] = 0;
  }

  /** The consumer's position in the region, for checking whether it advances. */
  get consumerPosition(): number {
    return this.consumer.position;
  }

  // Hot path: no allocation, no native call while the consumer is awake. Short, so that V8 compiles the whole way of a
  // message into its caller.
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    try {
      const length = end - start;
      const frameBytes = frameBytesOf(length);
      if (frameBytes > this.room && !this.findRoom(frameBytes)) return false;
      // STEP(send: room found)
      copyInto(this.bytes, bytes, this.at + FRAME_HEADER_BYTES);
      // STEP(send: bytes copied)
      this.publish(header, length, frameBytes);
      return true;
    } catch (error) {
      return this.onThrow(error);
    }
  }

  beginBatch(): void {
    this.isBatching = true;
    this.isDirect = false;
  }

  endBatch(): void {
    this.isBatching = false;
    this.isDirect = this.exchange === undefined;
    if (this.isPoisoned) return;
    try {
      this.publishPending();
    } catch (error) {
      this.onThrow(error);
    }
  }

  tryClaim(length: number): Uint8Array | undefined {
    const start = this.tryClaimAt(length);
    if (start < 0) return undefined;
    try {
      return new Uint8Array(this.buffer, start, length);
    } catch (error) {
      this.onThrow(error);
      return undefined;
    }
  }

  tryClaimAt(length: number): number {
    const frameBytes = frameBytesOf(length);
    if (frameBytes > this.room && !this.findRoomForClaim(frameBytes)) return -1;
    this.claimedLength = length;
    this.claimedFrameBytes = frameBytes;
    return this.at + FRAME_HEADER_BYTES;
  }

  get claimedBytes(): Uint8Array {
    return this.bytes;
  }

  commitClaim(header: number): void {
    if (this.isPoisoned) return;
    try {
      // `reportNextFrame()` came after the claim.
      if (this.claimedFrameBytes > this.room) this.consumer.reportFrame();
      this.publish(header, this.claimedLength, this.claimedFrameBytes);
    } catch (error) {
      this.onThrow(error);
    }
  }

  /** Refuses all further frames. The owner must call it before it unmaps the region. */
  close(): void {
    this.isPoisoned = true;
    this.room = 0;
  }

  abortClaim(): void {
    // Nothing to do: a claim is not visible before its commit, and the next frame uses the same bytes.
  }

  /** Declares again that this side needs room, if it does. A thread calls it before it sleeps on a futex. */
  declareNeed(): void {
    this.consumer.declareNeed();
  }

  /** Checks for room again after a refusal. Returns true once half the ring is free. */
  checkUnblocked(): boolean {
    return !this.isPoisoned && this.consumer.hasCome(this.tail());
  }

  private findRoomForClaim(frameBytes: number): boolean {
    try {
      return this.findRoom(frameBytes);
    } catch (error) {
      return this.onThrow(error);
    }
  }

  /** Completes the frame whose payload was written, and shows it to the consumer. */
  private publish(header: number, length: number, frameBytes: number): void {
    const words = this.words;
    const at = this.at;
    words[at >> 2] = length;
    words[(at >> 2) + 1] = header;
    // STEP(send: frame complete)
    const next = at + frameBytes;
    this.at = next;
    this.room -= frameBytes;
    if (this.isDirect) this.publishTail(words, (this.lap + next) | 0);
    else this.publishPart();
  }

  /** Publishes the frames of a batch if they are enough for a part. */
  private publishPart(): void {
    this.isPending = true;
    if (!this.isBatching || (this.tail() - this.published) >>> 0 >= BATCH_BYTES) this.publishPending();
  }

  private publishPending(): void {
    if (!this.isPending) return;
    this.isPending = false;
    const tail = this.tail();
    if (this.exchange === undefined) this.publishTail(this.words, tail);
    else {
      this.published = tail;
      Atomics.store(this.words, this.tailIndex, tail);
      // It looks whether the consumer sleeps.
      this.exchange();
    }
  }

  private publishTail(words: Int32Array, tail: number): void {
    this.published = tail;
    // SYNC POINT(ring-tail): publishes the frames written before; pairs with the load in RingReader.drain.
    Atomics.store(words, this.tailIndex, tail);
    // STEP(send: tail published)
    // SYNC POINT(sleep): after the tail, in one total order with the consumer's declaration and its re-check.
    const declaration = loadAfterStore(words, this.sleepIndex);
    if (declaration !== AWAKE) this.wake(declaration);
  }

  /** Only the side that resets the declaration makes the system call of a wake. */
  private wake(declaration: number): void {
    if (Atomics.compareExchange(this.words, this.sleepIndex, declaration, AWAKE) === declaration) {
      // STEP(send: sleeper claimed)
      this.events.onWake(declaration);
    }
  }

  /** Code of this process may transfer the buffer of a claim or of a borrowed view, which detaches the ring's memory. */
  private onThrow(error: unknown): false {
    if (this.bytes.length > 0) throw error;
    if (this.isPoisoned) return false;
    this.close();
    if (this.events.onDetached === undefined) throw error;
    this.events.onDetached(error);
    return false;
  }

  /** The free-running position of the next frame. */
  private tail(): number {
    return (this.lap + this.at) | 0;
  }

  /**
   * Makes sure that a frame of `frameBytes` fits at the place of the next one. A frame never crosses the end of the
   * ring: padding fills the rest, and the next frame begins at the start. Returns false if there is no room; the
   * consumer sees no change then, except the declaration that this side needs room.
   */
  private findRoom(frameBytes: number): boolean {
    if (this.isPoisoned) return false;
    const untilEnd = this.start + this.capacity - this.at;
    const skipped = frameBytes > untilEnd ? untilEnd : 0;
    const needed = skipped + frameBytes;
    if (this.consumer.free(this.tail()) < needed && !this.lookForRoom(needed)) return false;
    if (frameBytes > untilEnd) {
      // Not visible before the frame behind it. If that frame is a claim that is aborted, the next frame comes here.
      if (untilEnd > 0) this.words[this.at >> 2] = PADDING_LENGTH;
      this.lap = (this.lap + this.capacity) | 0;
      this.at = this.start;
    }
    this.room = Math.min(this.consumer.free(this.tail()), this.start + this.capacity - this.at);
    this.consumer.reportFrame();
    return true;
  }

  private lookForRoom(needed: number): boolean {
    // The consumer can't free frames that it has not seen.
    this.publishPending();
    // An event of the two may have closed this writer.
    return this.consumer.find(this.tail(), needed) && !this.isPoisoned;
  }
}
