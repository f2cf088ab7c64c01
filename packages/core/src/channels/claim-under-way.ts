import type { SendClaim } from '../api/send-claim.js';
import type { Result } from '../result/result.js';
import type { OutgoingHalf } from './channel.js';

/** The owner of claims, which ends them. */
interface ClaimOwner {
  commit(claim: ClaimUnderWay): Result;
  abort(claim: ClaimUnderWay): void;
}

/** The claim that a connection returns. A class, so that no claim costs a closure. */
export class ClaimUnderWay implements SendClaim {
  readonly #claims: ClaimOwner;

  /**
   * @param number the number of the claim on its connection
   * @param length the length of the message; that of `bytes` may have changed
   */
  constructor(
    claims: ClaimOwner,
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
