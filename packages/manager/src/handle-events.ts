import type { ConnectionEvents, NetworkConnection, NetworkError, UnconfirmedSends } from '@entropynet/core';

/** The events of connecting again (`reconnect` in the configuration). */
export interface ReconnectEvents {
  /** The connection ended, or an attempt failed, and the next attempt is due. */
  reconnecting: (next: ReconnectAttempt) => unknown;
  /** There is a connection again; after the state's `connected`, before its first message. */
  reconnected: (outcome: Reconnected) => unknown;
  /** It is given up: `maxAttempts` were made, or no attempt can ever succeed. `connect()` may still be called. */
  reconnectFailed: (error: NetworkError) => unknown;
}

/** The events of a handle: those of a connection, and those of connecting again. */
export interface HandleEvents extends ConnectionEvents, ReconnectEvents {}

/** What `onConnected` runs; `generation` counts the handle's connections from 1. */
export type ConnectedListener = (connection: NetworkConnection, info: { readonly generation: number }) => unknown;

/** The next attempt to connect again. */
export interface ReconnectAttempt {
  /** Which one since the connection ended, from 1 on. */
  readonly attempt: number;
  /** In how many milliseconds. */
  readonly delayMs: number;
  /** Why it is needed: what ended the connection, or what the attempt before failed with. */
  readonly reason: NetworkError;
}

/** How an outage ended. Nothing was sent again, and no channel was opened again: what that needs only the program knows. */
export interface Reconnected {
  /** Which connection of this handle it is; the first was 1. */
  readonly generation: number;
  /** How many attempts by itself it took; 0 where the program called `connect()` first. */
  readonly attempts: number;
  /** From the end of the old connection to the new one, in milliseconds. */
  readonly outageMs: number;
  /** What had been accepted for sending on the old connection and may have been lost with it: upper bounds. */
  readonly atRisk: UnconfirmedSends;
}

/** Where a handle stands with connecting again. */
export interface ReconnectionStatus {
  /** How many connections it has had; 0 before the first. */
  readonly generation: number;
  /** Why it is trying; undefined while it is not. */
  readonly reason: NetworkError | undefined;
  /** How many attempts have begun since the connection ended. */
  readonly attempts: number;
}

/** Of a handle that does not connect again by itself. */
export const NO_RECONNECTION: ReconnectionStatus = Object.freeze({ generation: 0, reason: undefined, attempts: 0 });
