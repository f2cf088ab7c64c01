import type { Channel, NetworkError } from '@entropynet/core';
import { END, resetFor } from './control-message.js';
import type { OutgoingBytes } from './outgoing-bytes.js';
import type { StreamConnection } from './stream-connection.js';

/** The connection and the channel of a stream, and whether the connection ends with the stream. */
export interface StreamPlace {
  readonly connection: StreamConnection;
  readonly channel: Channel;
  /** Whether the stream disconnects the connection when it closes. */
  readonly endsConnection: boolean;
  /** Whether the stream disposes of the connection when it closes. */
  readonly ownsConnection: boolean;
}

/** The end of a stream: which side has ended its direction, why the connection has ended, and the goodbye to the peer. */
export class StreamEnd {
  /** Whether this side has told the peer that nothing follows. */
  hasSentEnd = false;
  /** Whether the peer has told this side that nothing follows. */
  hasSeenEnd = false;
  /** Whether the program has reset the stream. */
  isReset = false;
  /** The reason why the stream's connection or channel has ended. */
  reason: NetworkError | undefined;
  /** Whether the connection itself has ended, and not only the channel. */
  #isConnectionOver = false;
  readonly #place: StreamPlace;

  constructor(place: StreamPlace) {
    this.#place = place;
  }

  /** The connection has ended. The first reason counts. */
  connectionEnded(reason: NetworkError): void {
    this.#isConnectionOver = true;
    this.reason ??= reason;
  }

  /**
   * Tells the peer how the stream ends. Then it closes a named channel, and the connection if that ends with the stream.
   * @param hasPeer whether the peer may have a stream on the channel
   */
  async leave(outgoing: OutgoingBytes, hasPeer: boolean, error: Error | null): Promise<void> {
    const { connection, endsConnection, ownsConnection } = this.#place;
    if (hasPeer && this.reason === undefined) await this.#sayHow(outgoing, error);
    if (ownsConnection) await connection[Symbol.asyncDispose]();
    // If the stream's own connection has ended, the stream must not end a later one.
    else if (endsConnection && !this.#isConnectionOver) await connection.disconnect();
  }

  /** Sends the error, or without one the end: a destroyed stream ends like a socket, after its written data. */
  async #sayHow(outgoing: OutgoingBytes, error: Error | null): Promise<void> {
    const { channel, endsConnection, ownsConnection } = this.#place;
    const isNamed = channel.name !== undefined;
    const isPatient = isNamed && !endsConnection && !ownsConnection;
    if (error !== null || this.isReset) await outgoing.sendControl(resetFor(error), isPatient);
    else if (!this.hasSentEnd) await outgoing.sendControl(END, isPatient);
    if (!isNamed) return;
    const closed = await channel.close();
    // If the peer can't close channels, tell it that nobody reads any more.
    if (!closed.ok && closed.error.code === 'NotSupported' && !this.hasSeenEnd) {
      await outgoing.sendControl(resetFor(error), isPatient);
    }
  }
}
