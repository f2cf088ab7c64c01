import type { SendClaim } from '../api/send-claim.js';
import { partOf } from '../platform/array-methods.js';
import type { Result } from '../result/result.js';
import type { OutgoingHalf } from './channel.js';

/** The owner of claims, which ends them. */
interface ClaimOwner {
  commit(claim: ClaimUnderWay, room: Uint8Array): Result;
  abort(claim: ClaimUnderWay): void;
}

/** The claim that a connection returns. A class, so that no claim costs a closure. */
export class ClaimUnderWay implements SendClaim {
  readonly #claims: ClaimOwner;
  readonly #room: Uint8Array;

  /**
   * @param number the number of the claim on its connection
   * @param bytes the array that the program gets
   * @param length the length of the message; that of `bytes` may have changed
   * @param room the array in which the claim lies; the program does not get it
   */
  constructor(
    claims: ClaimOwner,
    readonly number: number,
    readonly half: OutgoingHalf,
    readonly bytes: Uint8Array,
    readonly length: number,
    room: Uint8Array,
  ) {
    this.#room = room;
    this.#claims = claims;
  }

  commit(): Result {
    return this.#claims.commit(this, this.#room);
  }

  abort(): void {
    this.#claims.abort(this);
  }
}

/** Returns the array of a claim that the program gets. It may change the properties of its own. */
export function shownOf(room: Uint8Array): Uint8Array {
  // An empty part would give the program the buffer of the frame's header, which it could transfer.
  return room.length === 0 ? new Uint8Array(0) : partOf(room, 0);
}

/** Whether a message may have this length. */
export function isLength(length: number): boolean {
  return Number.isInteger(length) && length >= 0;
}
