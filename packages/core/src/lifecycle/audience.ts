import type { BroadcastOptions, BroadcastOutcome, SkippedConnection } from '../api/broadcast.js';
import type { Connection } from '../api/connection.js';
import { checkChannelName } from '../channels/channel-name.js';
import { messageBytes } from '../channels/message-bytes.js';
import { checkOptions } from '../config/call-options.js';
import { ok, type Result } from '../result/result.js';

/** The connections that a server has given to its program and that have not ended: whom its `broadcast` reaches. */
export class Audience<T extends Connection> {
  readonly #members = new Set<T>();

  /** Takes a connection in, until it ends. Bound, so that an `AcceptQueue` can call it for each connection it gives. */
  readonly add = (connection: T): void => {
    this.#members.add(connection);
    // Not an event: a program may remove all listeners.
    void connection.closed.then(() => this.#members.delete(connection));
  };

  /** As `ConnectionServer.broadcast`. */
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
      // A connection that was found broken while it was written to has ended.
      else if (connection.isConnected()) skipped.push({ connection, error: taken.error });
    }
    return ok({ sent, skipped });
  }
}
