import { err, OK, type Failure, type Result } from '../result/result.js';
import { shortageOf } from '../result/shortage.js';
import { ignoreRejection, isThenable } from '../result/thenable.js';
import type { InPlaceWriter } from '../api/connection-types.js';
import type { SendClaim } from '../api/send-claim.js';
import { partOf } from '../platform/array-methods.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import type { FrameWriter } from '../wire/frame-link.js';
import type { OutgoingHalf } from './channel.js';
import { ClaimUnderWay, shownOf } from './claim-under-way.js';
import { coarseClock, NO_TICK } from './coarse-clock.js';
import { QueuedMessage } from './message-line.js';
import { channelClosed, notConnected } from './refusals.js';
import type { SendQueue } from './send-queue.js';
import { noMemory, SpareMemory } from './spare-memory.js';

const NO_BYTES = new Uint8Array(0);

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
  /** The permanent array as programs see it. They may change its properties, and not those of the writer's own array. */
  #shown: Uint8Array = NO_BYTES;
  #wholeBytes = 0;
  /** The number of the present claim; 0 if there is none. A reference to a young object costs a write barrier. */
  #current = 0;
  #count = 0;
  /** Claims up to this number belong to an earlier link. */
  #firstOfLink = 0;
  /** Whether the present claim is room of the writer, which takes the message as one frame. */
  #isWhole = false;
  /** The number of a claim that still holds the queue after `finish()`; 0 if there is none. */
  #late = 0;
  /** The array of the present claim, unless it lies in the permanent one. No program has it, so its properties are true. */
  #room: Uint8Array = NO_BYTES;
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
    this.#shown = this.#permanent === undefined ? NO_BYTES : partOf(this.#permanent.claimedBytes, 0);
    this.#wholeBytes = wholeBytes;
    this.#firstOfLink = this.#count;
    this.#tick = NO_TICK;
    this.#current = 0;
  }

  /** Aborts the present claim, because the connection takes no more messages. */
  finish(): void {
    if (this.#current !== 0 && this.#isWhole) this.#writer?.abortClaim();
    // In a permanent array, no other frame may come where the program writes until it ends its claim.
    const late = this.#isWhole && this.#permanent !== undefined ? this.#current : 0;
    this.stop();
    this.#late = late;
    if (late === 0) this.#queue.isHeld = false;
  }

  /** The link is gone. */
  stop(): void {
    this.#writer = undefined;
    this.#permanent = undefined;
    this.#shown = NO_BYTES;
    this.#room = NO_BYTES;
    this.#current = 0;
    this.#late = 0;
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
      // A writer with a permanent array makes a view for each claim, which the program may have.
      const isOwn = isWhole && this.#permanent !== undefined;
      const shown = isOwn ? bytes : shownOf(bytes);
      if (!isOwn) this.#room = bytes;
      return { ok: true, value: new ClaimUnderWay(this, this.#hold(isWhole), half, shown, length) };
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
    if (start < 0) return this.#noRoom();
    return this.#write(half, writer.claimedBytes, this.#shown, start, length, write, true);
  }

  #sendWithMemory(half: OutgoingHalf, length: number, write: InPlaceWriter): Result | undefined {
    const writer = this.#writer;
    if (writer === undefined) return notConnected();
    const isWhole = length <= this.#wholeBytes;
    let room: Uint8Array | undefined;
    let shown: Uint8Array;
    try {
      room = isWhole ? writer.tryClaim(length) : this.#memory.room(length);
      if (room === undefined) return this.#noRoom();
      shown = shownOf(room);
    } catch (error) {
      return lackOf(length, error);
    }
    return this.#write(half, room, shown, 0, length, write, isWhole);
  }

  #write(
    half: OutgoingHalf,
    room: Uint8Array,
    shown: Uint8Array,
    start: number,
    length: number,
    write: InPlaceWriter,
    isWhole: boolean,
  ): Result {
    const number = this.#hold(isWhole);
    try {
      const returned = write(shown, start);
      if (returned !== undefined) checkWritten(returned);
    } catch (error) {
      this.#giveUp(number);
      throw error;
    }
    if (this.#current !== number) return this.#over(number);
    this.#current = 0;
    this.#queue.isHeld = false;
    if ((room.length | 0) < length) return this.#refuse(memoryTransferred());
    return this.#send(half, room, length);
  }

  /** Sends a claim. */
  commit({ number, half, length }: ClaimUnderWay): Result {
    if (this.#current !== number) return this.#over(number);
    this.#release();
    const room = this.#takeRoom();
    if ((room.length | 0) < length) return this.#refuse(memoryTransferred());
    // The peer has refused the channel, and would drop the message.
    if (half.channel.outgoing !== half) return this.#refuse(channelClosed(half.channel.name));
    return this.#send(half, room, length);
  }

  /** Aborts a claim. */
  abort({ number }: ClaimUnderWay): void {
    this.#giveUp(number);
  }

  /** @param length read before: a transport may detach the memory, and then the array's length reads 0 */
  #send(half: OutgoingHalf, room: Uint8Array, length: number): Result {
    if (!this.#isWhole) return this.#sendInFragments(half, room);
    (this.#writer as FrameWriter).commitClaim(half.id << 8);
    half.countWhole(length, length + FRAME_COST_BYTES);
    if (this.#tick !== coarseClock.tick) this.#noteActivity();
    if (this.#queue.isHeldUp) this.#endHold();
    return OK;
  }

  #sendInFragments(half: OutgoingHalf, room: Uint8Array): Result {
    // No frame was sent since the claim. A message that waits now has come after it, as with room of the writer.
    this.#queue.add(half, QueuedMessage.promised(room, this.#memory), true);
    this.#endHold();
    return OK;
  }

  /** The program writes no more into a claim that the connection had ended. */
  #endLate(number: number): void {
    if (number !== this.#late) return;
    this.#late = 0;
    this.#queue.isHeld = false;
    this.#endHold();
  }

  /** Returns the array in which the present claim lies, and keeps none. */
  #takeRoom(): Uint8Array {
    if (this.#isWhole && this.#permanent !== undefined) return this.#permanent.claimedBytes;
    const room = this.#room;
    this.#room = NO_BYTES;
    return room;
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
    if (this.#current !== number) {
      this.#endLate(number);
      return;
    }
    this.#release();
    this.#room = NO_BYTES;
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
    const number = this.#count + 1;
    this.#count = number;
    this.#current = number;
    this.#isWhole = isWhole;
    this.#queue.isHeld = true;
    return number;
  }

  /** Ends the present claim. */
  #release(): void {
    this.#current = 0;
    this.#queue.isHeld = false;
  }

  /** Returns the error of a claim that is not the present one. */
  #over(number: number): Failure {
    this.#endLate(number);
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
