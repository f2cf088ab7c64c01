import type { NetworkError } from '../result/network-error.js';

/** The states of a connection. `failed` follows `connecting` or `connected`. */
export const ConnectionState = {
  /** Not connected yet, or ended with a goodbye. `connect()` is possible. */
  Disconnected: 'disconnected',
  /** `connect()` is running. */
  Connecting: 'connecting',
  /** Both sides can send and receive messages. */
  Connected: 'connected',
  /** `disconnect()` is running: accepted messages are still being sent, and new ones are refused. */
  Disconnecting: 'disconnecting',
  /** Ended without a goodbye, or `connect()` failed; the error gives the reason. `connect()` is possible. */
  Failed: 'failed',
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** Whether the peer is on this machine, or may be on another one. */
export const ConnectionType = {
  /** The peer is on this machine. */
  Local: 'local',
  /** The peer may be on this machine or on another one. */
  Remote: 'remote',
} as const;
export type ConnectionType = (typeof ConnectionType)[keyof typeof ConnectionType];

/** The names of the built-in transports. Other transports add their own names. */
export const ConnectionBackend = {
  /**
   * Any transport that serves the endpoint, in the order of preference. Only configurations use it: a connection names
   * its transport.
   */
  Auto: 'auto',
  /** Memory that two processes of one machine share: `@entropynet/transport-shm`. */
  SharedMemory: 'shared-memory',
  /** `ws://` and `wss://`: `@entropynet/transport-ws`. */
  WebSocket: 'websocket',
} as const;
// `string & {}` keeps the known names in an editor's completion while any other name is allowed.
export type ConnectionBackend = (typeof ConnectionBackend)[keyof typeof ConnectionBackend] | (string & {});

/** How a connection ended. */
export interface CloseReason {
  /** `disconnected`: one side said goodbye. `failed`: the connection ended without a goodbye, or `connect()` failed. */
  readonly state: 'disconnected' | 'failed';
  /** The reason, if the state is `failed`. */
  readonly error?: NetworkError;
}

/** A snapshot of a connection's counters. Every transport counts payload bytes and whole messages, and no framing. */
export interface ConnectionStats {
  /** Payload bytes of messages accepted for sending. */
  readonly bytesSent: number;
  /** Payload bytes of messages handed to callbacks. */
  readonly bytesReceived: number;
  /** Messages accepted for sending. */
  readonly messagesSent: number;
  /** Messages handed to callbacks. */
  readonly messagesReceived: number;
  /** The time at which the connection became `connected`, in milliseconds since the epoch; 0 before. */
  readonly connectTime: number;
  /** The time of the last message in either direction, in milliseconds since the epoch; 0 before the first one. */
  readonly lastActivityTime: number;
}

/**
 * Accepted messages that the peer has not confirmed. The figures are upper bounds. They include messages that arrived
 * after the peer had called `disconnect()`, unless the peer has an earlier release, which confirms them.
 */
export interface UnconfirmedSends {
  /** Whole messages. */
  readonly messages: number;
  /** Payload bytes. */
  readonly bytes: number;
}

/** The name of a channel for small, urgent messages. Its frames go before those of other channels. */
export const CHANNEL_CONTROL = 'control';
/** The conventional name of a channel for bulk data from an editor or tool to an engine. */
export const CHANNEL_ASSET_UPLOAD = 'asset-upload';
/** The conventional name of a channel for bulk data from an engine to an editor or tool. */
export const CHANNEL_ASSET_DOWNLOAD = 'asset-download';

/**
 * The owner of the bytes that a message callback receives. With `copy` the callback owns them. With `borrow` the
 * transport owns them, and they are valid until the callback returns. A peer on shared memory can change borrowed bytes
 * at any moment: copy them before native code (`TextDecoder`, zlib) reads them. `InPlaceCallbackOptions` is a third
 * way, which borrows without a view.
 */
export type MessageOwnership = 'copy' | 'borrow';

/** Options of a message callback. */
export interface MessageCallbackOptions {
  /**
   * The owner of the bytes.
   * @default 'copy'
   */
  readonly ownership?: MessageOwnership;
}

/** Options of a message callback that reads in place. */
export interface InPlaceCallbackOptions {
  /** The transport owns the bytes; the callback gets its buffer and the message's bounds. */
  readonly ownership: 'in-place';
}

/**
 * Receives one whole message. It may return a promise: delivery never waits for it, and its rejection becomes an
 * `error` event. Any other return value has no effect.
 */
export type MessageCallback = (data: Uint8Array) => unknown;

/**
 * Receives one whole message in the transport's own array: `bytes[start]` to `bytes[end - 1]`. The call allocates
 * nothing. The bytes are valid until the callback returns, and the callback must not write to the array: bytes outside
 * the bounds belong to other messages, and on shared memory the peer uses the array, too. A peer on shared memory can
 * change the message at any moment: read each value once, and copy the bytes before native code (`TextDecoder`, zlib)
 * reads them. The return value has the same effect as that of a `MessageCallback`.
 */
export type InPlaceMessageCallback = (bytes: Uint8Array, start: number, end: number) => unknown;

/**
 * Writes one message of the announced length into the send buffer; `bytes[start]` is its first byte. The buffer
 * contains old bytes, so the function must write every byte of the message, and no byte outside it. The array is valid
 * until the function returns. The function must write synchronously: if it returns a promise, nothing is sent.
 */
export type InPlaceWriter = (bytes: Uint8Array, start: number) => unknown;

/** Options of `messages()`. */
export interface MessagesOptions {
  /** The named channel to read, open or not. @default the default channel */
  readonly channel?: string;
  /** Ends the loop: a waiting `next()` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Receives one state change. If the new state is `failed`, `error` gives the reason. */
export type StateCallback = (state: ConnectionState, error?: NetworkError) => unknown;
