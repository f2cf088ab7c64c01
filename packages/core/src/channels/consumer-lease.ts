import type { ConsumerLease, ConsumerOptions, MessageConsumer } from '../api/channel.js';
import type { CloseReason } from '../api/connection-types.js';
import { NetworkError } from '../result/network-error.js';
import { isThenable } from '../result/thenable.js';
import { shownChannel } from './channel-name.js';
import type { AnyOwnership, DeliveryCallback } from './incoming-half.js';

/** The functions of a channel that its lease calls. */
export interface LeaseHolder {
  /** The lease starts or stops taking messages. */
  leaseChanged(lease: Lease): void;
  /** The lease is over. */
  leaseReleased(lease: Lease): void;
  /** A callback of the lease failed. */
  leaseFailed(error: unknown): void;
}

/** `ConsumerOptions`; the lease of a callback may also read in place. */
export type LeaseOptions = Omit<ConsumerOptions, 'ownership'> & { readonly ownership?: AnyOwnership };

/** The right to take a channel's messages. It waits for a channel while a handle has no connection. */
export class Lease implements ConsumerLease {
  readonly name: string;
  readonly ownership: AnyOwnership;
  /** Takes one message. */
  readonly deliver: DeliveryCallback;
  /**
   * Whether the lease belongs to a callback and listeners. Such a lease outlives connections, and another callback may
   * replace it.
   */
  readonly isCallback: boolean;
  isPaused: boolean;
  #isHeld = true;
  #holder: LeaseHolder | undefined;
  readonly #consumer: MessageConsumer;

  /** @param callback takes the messages directly, so that each costs one call */
  constructor(consumer: MessageConsumer, options: LeaseOptions, callback?: DeliveryCallback) {
    this.#consumer = consumer;
    this.name = options.name;
    this.ownership = options.ownership ?? 'copy';
    this.isPaused = options.isPaused ?? false;
    this.isCallback = callback !== undefined;
    this.deliver = callback ?? ((data: Uint8Array) => consumer.onMessage(data));
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether the lease is on a channel. */
  get isBound(): boolean {
    return this.#holder !== undefined;
  }

  /** Puts the lease on a channel. */
  bind(holder: LeaseHolder): void {
    this.#holder = holder;
  }

  pause(): void {
    if (this.isPaused || !this.#isHeld) return;
    this.isPaused = true;
    this.#holder?.leaseChanged(this);
  }

  resume(): void {
    if (!this.isPaused || !this.#isHeld) return;
    this.isPaused = false;
    this.#holder?.leaseChanged(this);
  }

  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#holder?.leaseReleased(this);
    this.#holder = undefined;
  }

  /** The connection ended and no message is left. */
  end(reason: CloseReason): void {
    if (!this.#isHeld) return;
    const holder = this.#holder;
    this.release();
    try {
      const returned = this.#consumer.onEnd?.(reason);
      if (isThenable(returned)) {
        void Promise.resolve(returned).then(undefined, (error: unknown) => {
          holder?.leaseFailed(error);
        });
      }
    } catch (error) {
      holder?.leaseFailed(error);
    }
  }
}

/** Throws if another consumer, `present`, takes the messages of the channel. */
export function checkUntaken(present: Lease | undefined, channelName: string | undefined, isCallback: boolean): void {
  if (present === undefined || (isCallback && present.isCallback)) return;
  throw new NetworkError(
    'AlreadyExists',
    `${present.name} takes the messages of ${shownChannel(channelName)} already: end it before another consumer takes them`,
  );
}
