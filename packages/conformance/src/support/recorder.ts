import type { ConnectionState, MessageOwnership, NetworkConnection, NetworkError } from '@entropynet/core';
import { monotonicNow } from '@entropynet/core/platform';
import { labelOf, Tally } from './messages.js';

/** The name under which the default channel's messages are kept. */
export const DEFAULT_CHANNEL = '';

/** The way in which messages are taken. */
export interface ReceiveOptions {
  /** A named channel. @default the default channel */
  readonly channel?: string;
  /** As for `setMessageCallback`. @default 'copy' */
  readonly ownership?: MessageOwnership | 'in-place';
  /** The time for which every message keeps the thread busy, for a slow reader. */
  readonly busyMs?: number;
  /** Sends every message back. */
  readonly echo?: boolean;
}

/** Records all events of a connection, in order. */
export class Recorder {
  /** Every state that was reported. */
  readonly states: ConnectionState[] = [];
  /** The error of each reported state. */
  readonly stateErrors: (NetworkError | undefined)[] = [];
  /** The errors of the `error` events. */
  readonly errors: NetworkError[] = [];
  /** The channel of each `drain`. */
  readonly drains: string[] = [];
  /** The channels that the peer opened. */
  readonly channels: string[] = [];
  /** The events `unresponsive` and `responsive`, in order. */
  readonly responsiveness: string[] = [];
  /** All events in one list: `state:…`, `channel:…`, and the first messages as `message:<channel>:<label>`. */
  readonly log: string[] = [];
  readonly #tallies = new Map<string, Tally>();

  /** @param connection the connection whose events are recorded */
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

  /** Takes messages from now on. */
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

  /** Takes no further messages. */
  pause(channel = DEFAULT_CHANNEL): void {
    if (channel === DEFAULT_CHANNEL) this.connection.setMessageCallback(null);
    else this.connection.setChannelMessageCallback(channel, null);
  }

  /** Returns the received messages, by channel. */
  tallies(): ReadonlyMap<string, Tally> {
    return this.#tallies;
  }

  /** Returns the received messages of one channel. */
  tally(channel = DEFAULT_CHANNEL): Tally {
    let tally = this.#tallies.get(channel);
    if (tally === undefined) this.#tallies.set(channel, (tally = new Tally()));
    return tally;
  }
}

/** Blocks the thread, and so its event loop. */
export function keepBusy(durationMs: number): void {
  const end = monotonicNow() + durationMs;
  while (monotonicNow() < end) {
    // Stands for the work of a reader.
  }
}
