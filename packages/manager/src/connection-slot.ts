import type { NetworkConnection } from '@entropynet/core';
import type { DialPlan } from './dial.js';
import { HandleSession } from './handle-session.js';
import type { MetricsTally } from './metrics-tally.js';
import type { Selection } from './selection.js';

export type { DialPlan } from './dial.js';

const MAX_GENERATION = 0xffff_ffff;

/**
 * The place of one connection in a manager. Allocated once and used again under a new generation, so that a handle finds
 * its connection with one comparison and never another's.
 */
export class ConnectionSlot {
  readonly index: number;
  /** Starts at 1; every `release` makes the handles before it invalid. */
  generation = 1;
  /** Between being taken and being released. */
  isInUse = false;
  readonly #tally: MetricsTally;
  readonly #log: (line: string) => void;
  #session: HandleSession | undefined;

  constructor(index: number, tally: MetricsTally, log: (line: string) => void) {
    this.index = index;
    this.#tally = tally;
    this.#log = log;
  }

  /** What the handles of this generation share. A `RangeError` before the slot was taken into use. */
  get session(): HandleSession {
    if (this.#session === undefined) throw new RangeError(`slot ${this.index} is not in use`);
    return this.#session;
  }

  /** Takes the slot into use for a connection that is to be made. */
  plan(plan: DialPlan): void {
    this.#session = new HandleSession(plan, this.#tally, this.#log);
  }

  /** Takes the slot into use for a connection that exists; its state is the one at this moment. */
  adopt(connection: NetworkConnection, selection: Selection): void {
    this.#session = new HandleSession({ adopted: connection, selection }, this.#tally, this.#log);
  }

  /** Makes every handle of this generation invalid at once, then ends the connection; the slot is free when it resolves. */
  async release(): Promise<void> {
    this.generation = this.generation === MAX_GENERATION ? 1 : this.generation + 1;
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}
