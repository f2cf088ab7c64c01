import { unwrap, type NetworkConnection } from '@entropynet/core';
import { expect } from 'chai';
import { countOf, rowMessage, type MessageRow } from './messages.js';
import { until } from './until.js';

/** Sends a row as fast as the connection accepts it. */
export async function sendRow(connection: NetworkConnection, row: MessageRow): Promise<void> {
  for (let index = 0; index < countOf(row); index += 1) unwrap(await connection.send(rowMessage(row, index)));
}

/** Sends a row with `trySend`, which no `sendTimeoutMs` ends, on a named channel if one is given. */
export async function offerRow(connection: NetworkConnection, row: MessageRow, channel?: string): Promise<void> {
  for (let index = 0; index < countOf(row); index += 1) {
    const message = rowMessage(row, index);
    await until(() => {
      const sent = channel === undefined ? connection.trySend(message) : connection.trySendOnChannel(channel, message);
      if (!sent.ok) expect(sent.error.code).to.equal('WouldBlock');
      return sent.ok;
    }, `message ${index} was taken`);
  }
}
