import type { Connection } from '@entropynet/core';

/** Sends a message so many times, waiting where there is no room; resolves when the last was taken. */
export function sendMany(connection: Connection, message: Uint8Array, count: number): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    const send = (): void => {
      while (sent < count) {
        if (!connection.trySend(message).ok) {
          connection.once('drain', send);
          return;
        }
        sent += 1;
      }
      resolve();
    };
    send();
  });
}
