import { runAsMicrotask } from '@entropynet/core/platform';
import { BATCH_BYTES, MAX_BATCH_BYTES } from './batch-memory.js';
import { freshBytes } from './bytes.js';
import type { Seals } from './message-seal.js';
import type { NatsSession } from './nats-session.js';
import {
  CODE_BYTES,
  FRAME_HEADER_BYTES,
  HEADER_BYTES,
  Kind,
  type Lane,
  MESSAGE_COST_BYTES,
  putHeader,
  putUint32,
} from './nats-protocol.js';

/** The first memory of a batch whose length nobody knows. */
const FIRST_BYTES = 1024;

/** Up to so many bytes, memory of a message comes from Node.js' own pool. */
const MAX_SMALL_BYTES = 4096;

const NOTHING = freshBytes(0);

/** What a lane needs of its link. */
export interface OutgoingLaneHost {
  /** The number that the next message of a bulk lane must come after; its lower 32 bits. */
  readonly after: number;
  readonly seals: Seals | undefined;
  /** Whether data may be published now: on the bulk lane, once nothing of the prompt lane waits in front of them. */
  mayPublish(): boolean;
  /** The message can't be published: the NATS connection broke, or the NATS server takes only shorter ones. */
  onUnpublished(): void;
}

/**
 * The sending half of a lane: a stream of frames, published in numbered messages. What one piece of synchronous code writes
 * leaves as one message where it fits, because a message per small frame would cost more than all the rest.
 */
export class OutgoingLane {
  /** Whether a frame was refused and the base waits for `onWritable`. */
  wasRefused = false;

  readonly #host: OutgoingLaneHost;
  readonly #session: NatsSession;
  readonly #lane: Lane;
  readonly #subject: string;
  /** Where the body begins, behind the header and, with a secret, the code. */
  readonly #bodyStart: number;
  #number = 0;
  /** What the peer granted and this side has not spent. */
  #credit = 0;
  /** A message in the making: room for its header, then frames up to `#end`. */
  #batch: Uint8Array = NOTHING;
  #end: number;
  #isFlushDue = false;

  constructor(host: OutgoingLaneHost, session: NatsSession, lane: Lane, subject: string, credit: number) {
    this.#host = host;
    this.#session = session;
    this.#lane = lane;
    this.#subject = subject;
    this.#credit = credit;
    this.#bodyStart = HEADER_BYTES + (host.seals === undefined ? 0 : CODE_BYTES);
    this.#end = this.#bodyStart;
  }

  /** The number of the last message. */
  get number(): number {
    return this.#number;
  }

  /** What the peer granted and this side has not spent. */
  get credit(): number {
    return this.#credit;
  }

  /** Whether everything that was written is published. */
  get isEmpty(): boolean {
    return this.#end === this.#bodyStart;
  }

  /** Whether a frame would be taken now. The last one taken may be longer than the credit: its rest waits here. */
  // Hot path.
  hasRoom(): boolean {
    if (this.#end - this.#bodyStart + MESSAGE_COST_BYTES < this.#credit && this.#session.hasRoom) return true;
    this.wasRefused = true;
    return false;
  }

  /** Takes a frame, after `hasRoom()`. */
  // Hot path: for a small frame no allocation beside the batch's, one copy.
  write(header: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#end + FRAME_HEADER_BYTES + length > this.#batch.length) this.#makeRoom(FRAME_HEADER_BYTES + length);
    const at = this.#end;
    const next = at + FRAME_HEADER_BYTES + length;
    putUint32(this.#batch, at, length);
    putUint32(this.#batch, at + 4, header);
    this.#batch.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at + FRAME_HEADER_BYTES);
    this.#end = next;
    if (next >= BATCH_BYTES) this.flush();
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      runAsMicrotask(this.#flushLater);
    }
  }

  /** Publishes what was written, as far as the peer has granted it. */
  flush(): void {
    if (this.isEmpty || !this.#host.mayPublish()) return;
    for (let from = this.#bodyStart; !this.isEmpty;) {
      const room = Math.min(this.#credit - MESSAGE_COST_BYTES, this.#session.maxBodyBytes);
      const to = Math.min(this.#end, from + room);
      if (to <= from) {
        this.#keepFrom(from);
        if (this.#session.maxBodyBytes <= 0) this.#host.onUnpublished();
        return;
      }
      const isWhole = from === this.#bodyStart && to === this.#end;
      // A header goes in front of each piece, where the piece before it lies.
      const memory = this.#batch;
      const message = isWhole ? memory.subarray(0, to) : this.#pieceOf(from, to);
      if (to === this.#end) this.#startBatch();
      this.#credit -= to - from + MESSAGE_COST_BYTES;
      if (!this.#publish(Kind.Data, message)) return;
      if (isWhole) this.#session.memory.keep(memory);
      else if (this.isEmpty) this.#session.memory.give(memory);
      from = to;
    }
  }

  /** Publishes a message that is no data, in order with the data that were published. */
  tell(kind: Kind, body: Uint8Array = NOTHING, reply?: string): void {
    const message = freshBytes(this.#bodyStart + body.length);
    message.set(body, this.#bodyStart);
    this.#publish(kind, message, reply);
  }

  /** Publishes a message of the handshake, which has no number. */
  tellUnnumbered(kind: Kind, body: Uint8Array = NOTHING, reply?: string): void {
    const message = freshBytes(this.#bodyStart + body.length);
    message.set(body, this.#bodyStart);
    putHeader(message, 0, kind, this.#lane, 0, 0);
    this.#host.seals?.outgoing.put(message);
    this.#session.publish(this.#subject, message, reply);
  }

  /** The peer granted more. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.flush();
  }

  /** Nothing is written or published any more. */
  stop(): void {
    this.#startBatch();
    this.#credit = 0;
  }

  #publish(kind: Kind, message: Uint8Array, reply?: string): boolean {
    this.#number += 1;
    putHeader(message, 0, kind, this.#lane, this.#number, this.#host.after);
    this.#host.seals?.outgoing.put(message);
    if (this.#session.publish(this.#subject, message, reply)) return true;
    this.#host.onUnpublished();
    return false;
  }

  #pieceOf(from: number, to: number): Uint8Array {
    const piece = freshBytes(this.#bodyStart + to - from);
    piece.set(this.#batch.subarray(from, to), this.#bodyStart);
    return piece;
  }

  /** Keeps what the peer has not granted yet. */
  #keepFrom(from: number): void {
    if (from === this.#bodyStart) return;
    const kept = this.#pieceOf(from, this.#end);
    this.#session.memory.give(this.#batch);
    this.#batch = kept;
    this.#end = kept.length;
  }

  #startBatch(): void {
    // The one before is the NATS connection's now.
    this.#batch = NOTHING;
    this.#end = this.#bodyStart;
  }

  #makeRoom(length: number): void {
    // A batch that would become too long leaves first.
    if (this.#end + length > MAX_BATCH_BYTES) this.flush();
    const least = this.#end + length;
    const isSmall = least <= FIRST_BYTES || (this.isEmpty && least <= MAX_SMALL_BYTES);
    const larger = isSmall ? freshBytes(Math.max(FIRST_BYTES, least)) : this.#session.memory.take(least);
    larger.set(this.#batch.subarray(this.#bodyStart, this.#end), this.#bodyStart);
    this.#batch = larger;
  }

  readonly #flushLater = (): void => {
    this.#isFlushDue = false;
    this.flush();
  };
}
