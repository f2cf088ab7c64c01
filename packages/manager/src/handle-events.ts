import type { ConnectionEvents, NetworkConnection, NetworkError, UnconfirmedSends } from '@entropynet/core';

/** The events of reconnecting (`reconnect` in the configuration). */
export interface ReconnectEvents {
  /** The connection ended, or an attempt failed, and the handle has scheduled the next attempt. */
  reconnecting: (next: ReconnectAttempt) => unknown;
  /** The handle is connected again. It comes after the state `connected` and before the first message. */
  reconnected: (outcome: Reconnected) => unknown;
  /**
   * The handle gave up: `maxAttempts` attempts failed, or no attempt can succeed. The program may still call
   * `connect()`.
   */
  reconnectFailed: (error: NetworkError) => unknown;
}

/** The events of a handle: those of a connection, and those of reconnecting. */
export interface HandleEvents extends ConnectionEvents, ReconnectEvents {}

/** The names of all events of a handle. */
export const HANDLE_EVENTS: readonly (keyof HandleEvents)[] = [
  'state',
  'message',
  'channel',
  'drain',
  'error',
  'unresponsive',
  'responsive',
  'reconnecting',
  'reconnected',
  'reconnectFailed',
];

/** A listener of `onConnected`; `generation` counts the handle's connections from 1. */
export type ConnectedListener = (connection: NetworkConnection, info: { readonly generation: number }) => unknown;

/** The next attempt to reconnect. */
export interface ReconnectAttempt {
  /** The number of the attempt since the connection ended, from 1. */
  readonly attempt: number;
  /** The wait before the attempt, in milliseconds. */
  readonly delayMs: number;
  /** The error that ended the connection or the previous attempt. */
  readonly reason: NetworkError;
}

/** The end of an outage. The handle sends no message again and opens no channel again: the program decides. */
export interface Reconnected {
  /** The number of the handle's connection; the first one was 1. */
  readonly generation: number;
  /** The number of automatic attempts; 0 if the program called `connect()` first. */
  readonly attempts: number;
  /** The time from the end of the old connection to the new one, in milliseconds. */
  readonly outageMs: number;
  /** Upper bounds of the messages and bytes that the old connection had accepted and that may be lost. */
  readonly atRisk: UnconfirmedSends;
}

/** The state of a handle's reconnecting. */
export interface ReconnectionStatus {
  /** The number of connections that the handle has had; 0 before the first. */
  readonly generation: number;
  /** The error because of which the handle is reconnecting. Undefined while it is not. */
  readonly reason: NetworkError | undefined;
  /** The number of attempts since the connection ended. */
  readonly attempts: number;
}

/** The status of a handle that does not reconnect. */
export const NO_RECONNECTION: ReconnectionStatus = Object.freeze({ generation: 0, reason: undefined, attempts: 0 });
