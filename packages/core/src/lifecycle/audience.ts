import type { BroadcastOptions, BroadcastOutcome, SkippedConnection } from '../api/broadcast.js';
import type { Connection } from '../api/connection.js';
import { checkChannelName } from '../channels/channel-name.js';
import { messageBytes } from '../channels/message-bytes.js';
import { checkOptions } from '../config/call-options.js';
import { Roster } from '../platform/roster.js';
import { ok, type Result } from '../result/result.js';

/** The accepted connections of a server that have not ended. `broadcast` reaches these. */
export class Audience<T extends Connection> {
  readonly #members = new Roster<T>();

  /** Adds a connection until it ends. It is a bound function, so that an `AcceptQueue` can call it. */
  readonly add = (connection: T): void => {
    this.#members.add(connection);
    // A promise and not an event: a program may remove all listeners.
    void connection.closed.then(() => this.#members.delete(connection));
  };

  /** The same as `ConnectionServer.broadcast`. */
  broadcast(given: Uint8Array, options: BroadcastOptions = {}): Result<BroadcastOutcome<T>> {
    const data = messageBytes(given);
    checkOptions('broadcast()', options, { channel: 'anything' });
    const { channel } = options;
    const checked = channel === undefined ? undefined : checkChannelName(channel);
    if (checked?.ok === false) return checked;
    const skipped: SkippedConnection<T>[] = [];
    let sent = 0;
    for (const connection of this.#members) {
      if (!connection.isConnected()) continue;
      const taken = channel === undefined ? connection.trySend(data) : connection.trySendOnChannel(channel, data);
      if (taken.ok) sent += 1;
      // If the write found the connection broken, it has ended and is not skipped.
      else if (connection.isConnected()) skipped.push({ connection, error: taken.error });
    }
    return ok({ sent, skipped });
  }
}
