import { err, OK, type Failure, type Result } from '../result/result.js';
import { shortageOf } from '../result/shortage.js';
import { ignoreRejection, isThenable } from '../result/thenable.js';
import type { InPlaceWriter } from '../api/connection-types.js';
import type { SendClaim } from '../api/send-claim.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import type { FrameWriter } from '../wire/frame-link.js';
import type { OutgoingHalf } from './channel.js';
import { coarseClock, NO_TICK } from './coarse-clock.js';
import { QueuedMessage } from './message-line.js';
import { channelClosed, notConnected } from './refusals.js';
import type { SendQueue } from './send-queue.js';
import { noMemory, SpareMemory } from './spare-memory.js';

type PermanentWriter = FrameWriter & Required<Pick<FrameWriter, 'tryClaimAt' | 'claimedBytes'>>;

/**
 * Room for a message that the program fills in place. The room is in the transport, or in memory if the message needs
 * fragments. Only one claim exists at a time.
 */
export class Claims {
  readonly #queue: SendQueue;
  readonly #onActive: () => void;
  /**
   * The memory of messages that need fragments. It is not the memory of other messages: a program that writes into a
   * claim after its end damages only a later claim.
   */
  readonly #memory = new SpareMemory();
  /** Set while the connection takes messages. */
  #writer: FrameWriter | undefined;
  /** The same, if its frames lie in one permanent array. */
  #permanent: PermanentWriter | undefined;
  #wholeBytes = 0;
  /**
   * The number of the present claim; 0 if there is none. A number, because a reference to a young object costs a write
   * barrier.
   */
  #current = 0;
  #count = 0;
  /** Claims up to this number belong to an earlier link. */
  #firstOfLink = 0;
  /** Whether the present claim is room of the writer, which takes the message as one frame. */
  #isWhole = false;
  /** The tick of the coarse clock in which the last claim was sent. */
  #tick = NO_TICK;

  /** @param onActive called when the first claim of a tick of the coarse clock is sent */
  constructor(queue: SendQueue, onActive: () => void) {
    this.#queue = queue;
    this.#onActive = onActive;
  }

  start(writer: FrameWriter, wholeBytes: number): void {
    this.#memory.clear();
    this.#writer = writer;
    this.#permanent = isPermanent(writer) ? writer : undefined;
    this.#wholeBytes = wholeBytes;
    this.#firstOfLink = this.#count;
    this.#tick = NO_TICK;
    this.#current = 0;
  }

  /** Aborts the present claim, because the connection takes no more messages. */
  finish(): void {
    if (this.#current !== 0 && this.#isWhole) this.#writer?.abortClaim();
    this.stop();
    this.#queue.isHeld = false;
  }

  /** The link is gone. */
  stop(): void {
    this.#writer = undefined;
    this.#permanent = undefined;
    this.#current = 0;
  }

  /**
   * Claims room for `length` bytes on a half that can send them now. Returns undefined if the transport has no room.
   * `ResourceLimitExceeded`: there is no memory for it.
   */
  claim(half: OutgoingHalf, length: number): Result<SendClaim> | undefined {
    const writer = this.#writer;
    if (writer === undefined) return notConnected();
    const isWhole = length <= this.#wholeBytes;
    try {
      const bytes = isWhole ? writer.tryClaim(length) : this.#memory.room(length);
      if (bytes === undefined) return this.#noRoom();
      return { ok: true, value: new ClaimUnderWay(this, this.#hold(isWhole), half, bytes, length) };
    } catch (error) {
      return lackOf(length, error);
    }
  }

  /**
   * Sends a message that `write` writes in place, on a half that can send it now. Returns undefined if the transport
   * has no room. If `write` throws, it sends nothing and throws the same value. Hot path: no allocation if the
   * transport has a permanent array. Short, so that V8 compiles the whole way of a message into it.
   */
  sendWith(half: OutgoingHalf, length: number, write: InPlaceWriter): Result | undefined {
    const writer = this.#permanent;
    if (writer === undefined || length > this.#wholeBytes) return this.#sendWithMemory(half, length, write);
    const start = writer.tryClaimAt(length);
    return start < 0 ? this.#noRoom() : this.#write(half, writer.claimedBytes, start, length, write, true);
  }

  #sendWithMemory(half: OutgoingHalf, length: number, write: InPlaceWriter): Result | undefined {
    const writer = this.#writer;
    if (writer === undefined) return notConnected();
    const isWhole = length <= this.#wholeBytes;
    let bytes: Uint8Array | undefined;
    try {
      bytes = isWhole ? writer.tryClaim(length) : this.#memory.room(length);
    } catch (error) {
      return lackOf(length, error);
    }
    return bytes === undefined ? this.#noRoom() : this.#write(half, bytes, 0, length, write, isWhole);
  }

  #write(
    half: OutgoingHalf,
    bytes: Uint8Array,
    start: number,
    length: number,
    write: InPlaceWriter,
    isWhole: boolean,
  ): Result {
    const number = this.#hold(isWhole);
    try {
      const returned = write(bytes, start);
      if (returned !== undefined) checkWritten(returned);
    } catch (error) {
      this.#giveUp(number);
      throw error;
    }
    if (this.#current !== number) return this.#over(number);
    this.#current = 0;
    this.#queue.isHeld = false;
    if (bytes.length < start + length) return this.#refuse(memoryTransferred());
    return this.#send(half, bytes, length);
  }

  /** Sends a claim. */
  commit({ number, half, bytes, length }: ClaimUnderWay): Result {
    if (this.#current !== number) return this.#over(number);
    this.#release();
    if (bytes.length !== length) return this.#refuse(memoryTransferred());
    // The peer has refused the channel, and would drop the message.
    if (half.channel.outgoing !== half) return this.#refuse(channelClosed(half.channel.name));
    return this.#send(half, bytes, length);
  }

  /** Aborts a claim. */
  abort({ number }: ClaimUnderWay): void {
    this.#giveUp(number);
  }

  /** @param length read before: a transport may detach the memory, and then the array's length reads 0 */
  #send(half: OutgoingHalf, bytes: Uint8Array, length: number): Result {
    if (this.#isWhole) {
      this.#writer?.commitClaim(half.id << 8);
      half.countWhole(length, length + FRAME_COST_BYTES);
      if (this.#tick !== coarseClock.tick) this.#noteActivity();
    } else {
      // No frame was sent since the claim. A message that waits now has come after it, as with room of the writer.
      this.#queue.add(half, QueuedMessage.promised(bytes, this.#memory), true);
      this.#queue.isHeldUp = true;
    }
    if (this.#queue.isHeldUp) this.#endHold();
    return OK;
  }

  /** Lets the queue write what has waited for the end of the claim. */
  #endHold(): void {
    this.#queue.isHeldUp = false;
    this.#queue.pump();
  }

  /** Notes the first claim of this tick. */
  #noteActivity(): void {
    this.#tick = coarseClock.tick;
    this.#onActive();
  }

  /** Ends a claim that can't be sent. */
  #refuse(failure: Failure): Failure {
    this.#drop();
    return failure;
  }

  #giveUp(number: number): void {
    if (this.#current !== number) return;
    this.#release();
    this.#drop();
  }

  /** Ends a claim without sending it. */
  #drop(): void {
    if (this.#isWhole) this.#writer?.abortClaim();
    this.#endHold();
  }

  /** The transport has no room for a claim. */
  #noRoom(): Failure | undefined {
    this.#queue.isFull = true;
    return undefined;
  }

  /** Begins a claim. The connection writes nothing else until the claim ends. */
  #hold(isWhole: boolean): number {
    this.#count += 1;
    this.#current = this.#count;
    this.#isWhole = isWhole;
    this.#queue.isHeld = true;
    return this.#count;
  }

  /** Ends the present claim. */
  #release(): void {
    this.#current = 0;
    this.#queue.isHeld = false;
  }

  /** Returns the error of a claim that is not the present one. */
  #over(number: number): Failure {
    if (this.#writer === undefined || number <= this.#firstOfLink) return notConnected();
    return err('InvalidParameter', 'this claim was already committed or aborted');
  }
}

/** The error of a claim whose memory the program has transferred, so that there is no message. */
function memoryTransferred(): Failure {
  return err('InvalidParameter', 'the memory of this claim was transferred before commit(); nothing was sent');
}

function isPermanent(writer: FrameWriter): writer is PermanentWriter {
  return writer.tryClaimAt !== undefined;
}

/** Returns the error of a claim for which there was no memory. Throws every other `error` on. */
function lackOf(length: number, error: unknown): Failure {
  if (shortageOf(error) === undefined) throw error;
  return noMemory(length, error);
}

/** Refuses a promise: a writer that continues after it returned would write into a message that was sent. */
function checkWritten(returned: unknown): void {
  if (!isThenable(returned)) return;
  ignoreRejection(returned);
  throw new TypeError('the function that trySendWith calls must write at once; it returned a promise');
}

/** The claim that a connection returns. A class, so that no claim costs a closure. */
class ClaimUnderWay implements SendClaim {
  readonly #claims: Claims;

  /**
   * @param number the number of the claim on its connection
   * @param length the length of the message; `bytes` reads 0 after its memory was transferred
   */
  constructor(
    claims: Claims,
    readonly number: number,
    readonly half: OutgoingHalf,
    readonly bytes: Uint8Array,
    readonly length: number,
  ) {
    this.#claims = claims;
  }

  commit(): Result {
    return this.#claims.commit(this);
  }

  abort(): void {
    this.#claims.abort(this);
  }
}
