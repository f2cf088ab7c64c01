import { err, OK, type Failure, type Result } from '../result/result.js';
import type { InPlaceWriter } from '../api/connection-types.js';
import type { SendClaim } from '../api/send-claim.js';
import { isThenable } from '../lifecycle/callback-guard.js';
import { FRAME_COST_BYTES } from '../wire/frame.js';
import type { FrameWriter } from '../wire/frame-link.js';
import type { OutgoingHalf } from './channel.js';
import { QueuedMessage } from './message-line.js';
import { notConnected } from './refusals.js';
import type { SendQueue } from './send-queue.js';

/** Room in the transport, or in memory where a message needs fragments, that is filled in place. One claim at a time. */
export class Claims {
  readonly #queue: SendQueue;
  readonly #onSent: (half: OutgoingHalf, length: number) => void;
  /** Set while messages are taken. */
  #writer: FrameWriter | undefined;
  #wholeBytes = 0;
  /** The number of the claim under way, 0: none. Not the claim: a reference to what is this young costs a write barrier. */
  #current = 0;
  #count = 0;
  /** Claims up to this number are of an earlier link. */
  #firstOfLink = 0;
  /** Whether the claim under way is the writer's own room, which takes the message as one frame. */
  #isWhole = false;

  /** @param onSent a claimed message was taken whole by the transport */
  constructor(queue: SendQueue, onSent: (half: OutgoingHalf, length: number) => void) {
    this.#queue = queue;
    this.#onSent = onSent;
  }

  start(writer: FrameWriter, wholeBytes: number): void {
    this.#writer = writer;
    this.#wholeBytes = wholeBytes;
    this.#firstOfLink = this.#count;
    this.#current = 0;
  }

  /** Gives a claim under way up: no message is taken any more. */
  finish(): void {
    if (this.#current !== 0 && this.#isWhole) this.#writer?.abortClaim();
    this.stop();
    this.#queue.isHeld = false;
  }

  /** The link is gone. */
  stop(): void {
    this.#writer = undefined;
    this.#current = 0;
  }

  /** Room for `length` bytes on a half that is free for them; undefined where the transport has none. */
  claim(half: OutgoingHalf, length: number): SendClaim | undefined {
    const isWhole = length <= this.#wholeBytes;
    const bytes = isWhole ? this.#writer?.tryClaim(length) : new Uint8Array(length);
    if (bytes === undefined) {
      this.#queue.isFull = true;
      return undefined;
    }
    return new ClaimUnderWay(this, this.#hold(isWhole), half, bytes, length);
  }

  /**
   * A message that `write` writes where it is sent from, on a half that is free for it; undefined where the transport has
   * no room. Throws what `write` throws, and then nothing was sent. Hot path: no allocation where the transport has an
   * array that lasts.
   */
  sendWith(half: OutgoingHalf, length: number, write: InPlaceWriter): Result | undefined {
    const writer = this.#writer;
    if (writer === undefined) return notConnected();
    const isWhole = length <= this.#wholeBytes;
    let start = 0;
    let bytes: Uint8Array | undefined;
    if (!isWhole) bytes = new Uint8Array(length);
    else if (writer.tryClaimAt === undefined) bytes = writer.tryClaim(length);
    else {
      start = writer.tryClaimAt(length);
      if (start >= 0) bytes = writer.claimedBytes;
    }
    if (bytes === undefined) {
      this.#queue.isFull = true;
      return undefined;
    }
    const number = this.#hold(isWhole);
    try {
      const returned = write(bytes, start);
      if (returned !== undefined) checkWritten(returned);
    } catch (error) {
      this.#giveUp(number);
      throw error;
    }
    const failure = this.#release(number);
    if (failure !== undefined) return failure;
    if (bytes.length < start + length) return this.#refuseDetached();
    return this.#send(half, bytes, length);
  }

  /** Sends a claim. */
  commit({ number, half, bytes, length }: ClaimUnderWay): Result {
    const failure = this.#release(number);
    if (failure !== undefined) return failure;
    if (bytes.length !== length) return this.#refuseDetached();
    return this.#send(half, bytes, length);
  }

  /** Gives a claim up. */
  abort({ number }: ClaimUnderWay): void {
    this.#giveUp(number);
  }

  /** @param length read before: a transport may give the memory away, and then the array's length reads 0 */
  #send(half: OutgoingHalf, bytes: Uint8Array, length: number): Result {
    if (this.#isWhole) {
      this.#writer?.commitClaim(half.id << 8);
      half.spend(length + FRAME_COST_BYTES);
      this.#onSent(half, length);
    } else {
      // Nothing could be sent since the claim, so the message is next in order.
      this.#queue.add(half, QueuedMessage.promised(bytes));
    }
    if (!this.#queue.isIdle) this.#queue.pump();
    return OK;
  }

  /** The program gave the claim's memory away before it was sent: there is no message any more. */
  #refuseDetached(): Failure {
    this.#drop();
    return err('InvalidParameter', 'the memory of this claim was transferred before commit(); nothing was sent');
  }

  #giveUp(number: number): void {
    if (this.#release(number) === undefined) this.#drop();
  }

  /** Nothing is sent of a claim that is over. */
  #drop(): void {
    if (this.#isWhole) this.#writer?.abortClaim();
    this.#queue.pump();
  }

  /** Begins a claim: nothing else is written until its end. */
  #hold(isWhole: boolean): number {
    this.#count += 1;
    this.#current = this.#count;
    this.#isWhole = isWhole;
    this.#queue.isHeld = true;
    return this.#count;
  }

  #release(number: number): Failure | undefined {
    if (this.#writer === undefined || number <= this.#firstOfLink) return notConnected();
    if (this.#current !== number) {
      return err('InvalidParameter', 'this claim was already committed or aborted');
    }
    this.#current = 0;
    this.#queue.isHeld = false;
    return undefined;
  }
}

/** A writer that goes on after it returned would write into a message that was sent. */
function checkWritten(returned: unknown): void {
  if (!isThenable(returned)) return;
  void Promise.resolve(returned).catch(() => undefined);
  throw new TypeError('the function that trySendWith calls must write at once; it returned a promise');
}

/** A claim as its connection made it. A class, so that none costs a closure. */
class ClaimUnderWay implements SendClaim {
  readonly #claims: Claims;

  /**
   * @param number the connection's count of claims
   * @param length of the message; `bytes` has none any more once its memory was transferred
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
