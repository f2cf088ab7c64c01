import { type NetworkError, sendShortage } from '@entropynet/core';
import { runAsMicrotask } from '@entropynet/core/platform';
import { BATCH_BYTES, MAX_BATCH_BYTES } from './batch-memory.js';
import { freshBytes } from './bytes.js';
import type { Seals } from './message-seal.js';
import { tooLongError } from './nats-errors.js';
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

/** The first memory of a batch of unknown length. */
const FIRST_BYTES = 1024;

/** Up to this length, the memory of a message comes from the pool of Node.js. */
const MAX_SMALL_BYTES = 4096;

const NOTHING = freshBytes(0);

/** The functions of a link that its lane calls. */
export interface OutgoingLaneHost {
  /** The number of the prompt lane that the next message of the bulk lane must follow; its lower 32 bits. */
  readonly after: number;
  readonly seals: Seals | undefined;
  /** Whether data may be published now. On the bulk lane, no data of the prompt lane may wait before them. */
  mayPublish(): boolean;
  /**
   * A message can't be published: the NATS connection ends, the NATS server accepts only shorter messages, or there is
   * no memory (`ResourceLimitExceeded`).
   */
  onUnpublished(error: NetworkError): void;
}

/**
 * The sending half of a lane: a stream of frames, published in numbered messages. The frames of one piece of
 * synchronous code leave as one message if they fit, because one message for each small frame would cost more than all
 * other work.
 */
export class OutgoingLane {
  /** Whether a frame was refused and core waits for `onWritable`. */
  wasRefused = false;

  readonly #host: OutgoingLaneHost;
  readonly #session: NatsSession;
  readonly #lane: Lane;
  readonly #subject: string;
  /** The start of the body, behind the header and, with a secret, the code. */
  readonly #bodyStart: number;
  #number = 0;
  /** The window that the peer granted and this side has not spent. */
  #credit = 0;
  /** The present message: room for its header, then frames up to `#end`. */
  #batch: Uint8Array = NOTHING;
  #end: number;
  #isFlushDue = false;
  #isAnswerUnderWay = false;

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

  /** The window that the peer granted and this side has not spent. */
  get credit(): number {
    return this.#credit;
  }

  /** Whether all written frames are published. */
  get isEmpty(): boolean {
    return this.#end === this.#bodyStart;
  }

  /**
   * Whether the lane takes a frame now. The last frame may be longer than the window: its rest waits here.
   * Hot path.
   */
  hasRoom(): boolean {
    if (this.#end - this.#bodyStart + MESSAGE_COST_BYTES < this.#credit && this.#session.hasRoom) return true;
    this.wasRefused = true;
    return false;
  }

  /**
   * Takes a frame, after `hasRoom()`. Returns false if there is no memory for it, which ends the link.
   * Hot path: for a small frame one copy, and no allocation except that of the batch.
   */
  write(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    const isLonger = this.#end + FRAME_HEADER_BYTES + length > this.#batch.length;
    if (isLonger && !this.#makeRoom(FRAME_HEADER_BYTES + length)) return false;
    const at = this.#end;
    const next = at + FRAME_HEADER_BYTES + length;
    putUint32(this.#batch, at, length);
    putUint32(this.#batch, at + 4, header);
    this.#batch.set(bytes, at + FRAME_HEADER_BYTES);
    this.#end = next;
    if (next >= BATCH_BYTES) this.flush();
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      runAsMicrotask(this.#flushLater);
    }
    return true;
  }

  /** Publishes the written frames, up to the peer's window. */
  flush(): void {
    if (this.isEmpty || !this.#host.mayPublish()) return;
    try {
      this.#flush();
    } catch (error) {
      this.#host.onUnpublished(sendShortage(error));
    }
  }

  #flush(): void {
    for (let from = this.#bodyStart; !this.isEmpty;) {
      const room = Math.min(this.#credit - MESSAGE_COST_BYTES, this.#session.maxBodyBytes);
      const to = Math.min(this.#end, from + room);
      if (to <= from) {
        this.#keepFrom(from);
        if (this.#session.maxBodyBytes <= 0) this.#host.onUnpublished(tooLongError(this.#session.where));
        return;
      }
      const isWhole = from === this.#bodyStart && to === this.#end;
      // The header of each piece overwrites the end of the piece before it.
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

  /** Publishes a control message, in order with the data. */
  tell(kind: Kind, body: Uint8Array = NOTHING, reply?: string): void {
    const message = freshBytes(this.#bodyStart + body.length);
    message.set(body, this.#bodyStart);
    this.#publish(kind, message, reply);
  }

  /**
   * Publishes the answer to a question of the peer. Other connections may have taken all room, and the peer would take
   * silence for death. So one answer leaves without room. It skips further ones until the NATS server has taken that one:
   * a peer that asks and does not read can't make this side keep many.
   */
  answer(kind: Kind, body: Uint8Array): void {
    const { hasRoom } = this.#session;
    if (!hasRoom && this.#isAnswerUnderWay) return;
    this.tell(kind, body);
    if (hasRoom) return;
    this.#isAnswerUnderWay = true;
    void this.#session.flush().then(() => {
      this.#isAnswerUnderWay = false;
    });
  }

  /** Publishes a message of the handshake, which has no number. */
  tellUnnumbered(kind: Kind, body: Uint8Array = NOTHING, reply?: string): void {
    const message = freshBytes(this.#bodyStart + body.length);
    message.set(body, this.#bodyStart);
    putHeader(message, 0, kind, this.#lane, 0, 0);
    this.#host.seals?.outgoing.put(message);
    this.#session.publish(this.#subject, message, reply);
  }

  /** The peer granted more window. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.flush();
  }

  /** Stops writing and publishing. */
  stop(): void {
    this.#startBatch();
    this.#credit = 0;
  }

  #publish(kind: Kind, message: Uint8Array, reply?: string): boolean {
    this.#number += 1;
    putHeader(message, 0, kind, this.#lane, this.#number, this.#host.after);
    this.#host.seals?.outgoing.put(message);
    const error = this.#session.publish(this.#subject, message, reply);
    if (error === undefined) return true;
    this.#host.onUnpublished(error);
    return false;
  }

  #pieceOf(from: number, to: number): Uint8Array {
    const piece = freshBytes(this.#bodyStart + to - from);
    piece.set(this.#batch.subarray(from, to), this.#bodyStart);
    return piece;
  }

  /** Keeps the bytes that exceed the peer's window. */
  #keepFrom(from: number): void {
    if (from === this.#bodyStart) return;
    const kept = this.#pieceOf(from, this.#end);
    this.#session.memory.give(this.#batch);
    this.#batch = kept;
    this.#end = kept.length;
  }

  #startBatch(): void {
    // The NATS connection owns the memory of the batch before.
    this.#batch = NOTHING;
    this.#end = this.#bodyStart;
  }

  /** Returns false if there is no memory for it. */
  #makeRoom(length: number): boolean {
    // A batch that would become too long is published first.
    if (this.#end + length > MAX_BATCH_BYTES) this.flush();
    const least = this.#end + length;
    const isSmall = least <= FIRST_BYTES || (this.isEmpty && least <= MAX_SMALL_BYTES);
    try {
      const larger = isSmall ? freshBytes(Math.max(FIRST_BYTES, least)) : this.#session.memory.take(least);
      larger.set(this.#batch.subarray(this.#bodyStart, this.#end), this.#bodyStart);
      this.#batch = larger;
      return true;
    } catch (error) {
      this.#host.onUnpublished(sendShortage(error));
      return false;
    }
  }

  readonly #flushLater = (): void => {
    this.#isFlushDue = false;
    this.flush();
  };
}
