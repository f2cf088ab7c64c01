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
  private readonly queue: SendQueue;
  private readonly onActive: () => void;
  /**
   * The memory of messages that need fragments. It is not the memory of other messages: a program that writes into a
   * claim after its end damages only a later claim.
   */
  private readonly memory = new SpareMemory();
  /** Set while the connection takes messages. */
  private writer: FrameWriter | undefined;
  /** The same, if its frames lie in one permanent array. */
  private permanent: PermanentWriter | undefined;
  /** The permanent array as programs see it. They may change its properties, and not those of the writer's own array. */
  private shown: Uint8Array = NO_BYTES;
  private wholeBytes = 0;
  /** The number of the present claim; 0 if there is none. A reference to a young object costs a write barrier. */
  private current = 0;
  private count = 0;
  /** Claims up to this number belong to an earlier link. */
  private firstOfLink = 0;
  /** Whether the present claim is room of the writer, which takes the message as one frame. */
  private isWhole = false;
  /** The number of a claim that still holds the queue after `finish()`; 0 if there is none. */
  private late = 0;
  /** The tick of the coarse clock in which the last claim was sent. */
  private tick = NO_TICK;

  /** @param onActive called when the first claim of a tick of the coarse clock is sent */
  constructor(queue: SendQueue, onActive: () => void) {
    this.queue = queue;
    this.onActive = onActive;
  }

  start(writer: FrameWriter, wholeBytes: number): void {
    this.memory.clear();
    this.writer = writer;
    this.permanent = isPermanent(writer) ? writer : undefined;
    this.shown = this.permanent === undefined ? NO_BYTES : partOf(this.permanent.claimedBytes, 0);
    this.wholeBytes = wholeBytes;
    this.firstOfLink = this.count;
    this.tick = NO_TICK;
    this.current = 0;
  }

  /** Aborts the present claim, because the connection takes no more messages. */
  finish(): void {
    if (this.current !== 0 && this.isWhole) this.writer?.abortClaim();
    // In a permanent array, no other frame may come where the program writes until it ends its claim.
    const late = this.isWhole && this.permanent !== undefined ? this.current : 0;
    this.stop();
    this.late = late;
    if (late === 0) this.queue.isHeld = false;
  }

  /** The link is gone. */
  stop(): void {
    this.writer = undefined;
    this.permanent = undefined;
    this.shown = NO_BYTES;
    this.current = 0;
    this.late = 0;
  }

  /**
   * Claims room for `length` bytes on a half that can send them now. Returns undefined if the transport has no room.
   * `ResourceLimitExceeded`: there is no memory for it.
   */
  claim(half: OutgoingHalf, length: number): Result<SendClaim> | undefined {
    const writer = this.writer;
    if (writer === undefined) return notConnected();
    const isWhole = length <= this.wholeBytes;
    try {
      const bytes = isWhole ? writer.tryClaim(length) : this.memory.room(length);
      if (bytes === undefined) return this.noRoom();
      const number = this.hold(isWhole);
      // A writer with a permanent array makes a view for each claim, which the program may have.
      if (isWhole && this.permanent !== undefined)
        return { ok: true, value: new ClaimUnderWay(this, number, half, bytes, length, this.permanent.claimedBytes) };
      return { ok: true, value: new ClaimUnderWay(this, number, half, shownOf(bytes), length, bytes) };
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
    const writer = this.permanent;
    if (writer === undefined || length > this.wholeBytes) return this.sendWithMemory(half, length, write);
    const start = writer.tryClaimAt(length);
    if (start < 0) return this.noRoom();
    const number = this.hold(true);
    this.fill(number, this.shown, start, write);
    return this.complete(number, half, writer.claimedBytes, length);
  }

  private sendWithMemory(half: OutgoingHalf, length: number, write: InPlaceWriter): Result | undefined {
    const writer = this.writer;
    if (writer === undefined) return notConnected();
    const isWhole = length <= this.wholeBytes;
    let room: Uint8Array | undefined;
    let shown: Uint8Array;
    try {
      room = isWhole ? writer.tryClaim(length) : this.memory.room(length);
      if (room === undefined) return this.noRoom();
      shown = shownOf(room);
    } catch (error) {
      return lackOf(length, error);
    }
    const number = this.hold(isWhole);
    this.fill(number, shown, 0, write);
    return this.complete(number, half, room, length);
  }

  /** Lets the program write a message. A claim whose writer throws is given up. */
  private fill(number: number, shown: Uint8Array, start: number, write: InPlaceWriter): void {
    try {
      const returned = write(shown, start);
      if (returned !== undefined) checkWritten(returned);
    } catch (error) {
      this.giveUp(number);
      throw error;
    }
  }

  /**
   * Ends a claim by sending its message.
   * @param room the array in which the claim lies; no program has it, so its properties are true
   * @param length read before: a transport may detach the memory, and then the array's length reads 0
   */
  private complete(number: number, half: OutgoingHalf, room: Uint8Array, length: number): Result {
    if (this.current !== number) return this.over(number);
    this.current = 0;
    this.queue.isHeld = false;
    if ((room.length | 0) < length) return this.refuse();
    if (!this.isWhole) return this.sendInFragments(half, room);
    (this.writer as FrameWriter).commitClaim(half.id << 8);
    half.countWhole(length, length + FRAME_COST_BYTES);
    if (this.tick !== coarseClock.tick) this.noteActivity();
    if (this.queue.isHeldUp) this.endHold();
    return OK;
  }

  /** Sends a claim that lies in `room`. */
  commit({ number, half, length }: ClaimUnderWay, room: Uint8Array): Result {
    const isTaken = half.channel.outgoing === half;
    if (isTaken || this.current !== number || room.length < length) return this.complete(number, half, room, length);
    // The peer has refused the channel, and would drop the message.
    this.giveUp(number);
    return channelClosed(half.channel.name);
  }

  /** Aborts a claim. */
  abort({ number }: ClaimUnderWay): void {
    this.giveUp(number);
  }

  private sendInFragments(half: OutgoingHalf, room: Uint8Array): Result {
    // No frame was sent since the claim. A message that waits now has come after it, as with room of the writer.
    this.queue.add(half, QueuedMessage.promised(room, this.memory), true);
    this.endHold();
    return OK;
  }

  /** The program writes no more into a claim that the connection had ended. */
  private endLate(number: number): void {
    if (number !== this.late) return;
    this.late = 0;
    this.queue.isHeld = false;
    this.endHold();
  }

  /** Lets the queue write what has waited for the end of the claim. */
  private endHold(): void {
    this.queue.isHeldUp = false;
    this.queue.pump();
  }

  /** Notes the first claim of this tick. */
  private noteActivity(): void {
    this.tick = coarseClock.tick;
    this.onActive();
  }

  /** Ends a claim whose memory the program has transferred, so that there is no message. */
  private refuse(): Failure {
    this.drop();
    return err('InvalidParameter', 'the memory of this claim was transferred before commit(); nothing was sent');
  }

  private giveUp(number: number): void {
    if (this.current !== number) {
      this.endLate(number);
      return;
    }
    this.current = 0;
    this.queue.isHeld = false;
    this.drop();
  }

  /** Ends a claim without sending it. */
  private drop(): void {
    if (this.isWhole) this.writer?.abortClaim();
    this.endHold();
  }

  /** The transport has no room for a claim. */
  private noRoom(): Failure | undefined {
    this.queue.isFull = true;
    return undefined;
  }

  /** Begins a claim. The connection writes nothing else until the claim ends. */
  private hold(isWhole: boolean): number {
    const number = this.count + 1;
    this.count = number;
    this.current = number;
    this.isWhole = isWhole;
    this.queue.isHeld = true;
    return number;
  }

  /** Returns the error of a claim that is not the present one. */
  private over(number: number): Failure {
    this.endLate(number);
    if (this.writer === undefined || number <= this.firstOfLink) return notConnected();
    return err('InvalidParameter', 'this claim was already committed or aborted');
  }
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
