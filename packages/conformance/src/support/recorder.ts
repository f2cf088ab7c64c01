import type { ConnectionState, MessageOwnership, NetworkConnection, NetworkError } from '@entropynet/core';
import { labelOf, Tally } from './messages.js';

/** The name under which the default channel's messages are kept. */
export const DEFAULT_CHANNEL = '';

export interface ReceiveOptions {
  readonly channel?: string;
  readonly ownership?: MessageOwnership | 'in-place';
  /** Keeps the thread busy for so long at every message: a slow reader. */
  readonly busyMs?: number;
  /** Sends every message back. */
  readonly echo?: boolean;
}

/** Writes down everything that a connection reports, in order. */
export class Recorder {
  readonly states: ConnectionState[] = [];
  readonly stateErrors: (NetworkError | undefined)[] = [];
  readonly errors: NetworkError[] = [];
  /** The channel of each `drain`. */
  readonly drains: string[] = [];
  /** The channels that the peer opened. */
  readonly channels: string[] = [];
  readonly responsiveness: string[] = [];
  /** Everything in one row: `state:…`, `channel:…`, and the first messages as `message:<channel>:<label>`. */
  readonly log: string[] = [];
  readonly #tallies = new Map<string, Tally>();

  constructor(readonly connection: NetworkConnection) {
    connection.on('state', (state, error) => {
      this.states.push(state);
      this.stateErrors.push(error);
      this.log.push(`state:${state}`);
    });
    connection.on('error', (error) => this.errors.push(error));
    connection.on('drain', (channel) => this.drains.push(channel ?? DEFAULT_CHANNEL));
    connection.on('channel', (name) => {
      this.channels.push(name);
      this.log.push(`channel:${name}`);
    });
    connection.on('unresponsive', () => this.responsiveness.push('unresponsive'));
    connection.on('responsive', () => this.responsiveness.push('responsive'));
  }

  /** Takes messages from here on. */
  receive(options: ReceiveOptions = {}): this {
    const { channel = DEFAULT_CHANNEL, ownership = 'copy', busyMs = 0, echo = false } = options;
    const { connection } = this;
    const tally = this.tally(channel);
    const callback = (data: Uint8Array): void => {
      tally.add(data);
      if (this.log.length < Tally.maxLabels) this.log.push(`message:${channel}:${labelOf(data)}`);
      if (busyMs > 0) keepBusy(busyMs);
      if (!echo) return;
      void (channel === DEFAULT_CHANNEL ? connection.send(data) : connection.sendOnChannel(channel, data));
    };
    const target = channel === DEFAULT_CHANNEL ? connection.defaultChannel : connection.channel(channel);
    if (ownership !== 'in-place') target.setMessageCallback(callback, { ownership });
    else {
      target.setMessageCallback(
        (bytes, start, end) => {
          callback(bytes.subarray(start, end));
        },
        { ownership },
      );
    }
    return this;
  }

  /** Takes no more messages. */
  pause(channel = DEFAULT_CHANNEL): void {
    if (channel === DEFAULT_CHANNEL) this.connection.setMessageCallback(null);
    else this.connection.setChannelMessageCallback(channel, null);
  }

  tallies(): ReadonlyMap<string, Tally> {
    return this.#tallies;
  }

  tally(channel = DEFAULT_CHANNEL): Tally {
    let tally = this.#tallies.get(channel);
    if (tally === undefined) this.#tallies.set(channel, (tally = new Tally()));
    return tally;
  }
}

/** Blocks the thread, and with it its event loop. */
export function keepBusy(durationMs: number): void {
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    // A reader that computes.
  }
}
