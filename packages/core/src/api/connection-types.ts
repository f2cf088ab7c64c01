import type { NetworkError } from '../result/network-error.js';

/** The life of a connection; `failed` is reached from `connecting` and `connected`. */
export const ConnectionState = {
  /** Not connected yet, or ended with a goodbye; `connect()` may be called. */
  Disconnected: 'disconnected',
  /** `connect()` is under way. */
  Connecting: 'connecting',
  /** Messages flow. */
  Connected: 'connected',
  /** What was promised is still being written; nothing new is taken. */
  Disconnecting: 'disconnecting',
  /** Ended without a goodbye, or never made; the error says why. `connect()` may be called. */
  Failed: 'failed',
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** Whether the peer is on this machine or may be elsewhere. */
export const ConnectionType = {
  /** On this machine. */
  Local: 'local',
  /** On this machine or another. */
  Remote: 'remote',
} as const;
export type ConnectionType = (typeof ConnectionType)[keyof typeof ConnectionType];

/** The transports that come with EntropyNet; third-party transports add their own names. */
export const ConnectionBackend = {
  /** Whichever serves the endpoint, shared memory first. Never what a connection says of itself. */
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
  /** `disconnected`: with a goodbye of either side; `failed`: without one, or the connection was never made. */
  readonly state: 'disconnected' | 'failed';
  /** Why, where the state is `failed`. */
  readonly error?: NetworkError;
}

/** A snapshot of a connection's counters: payload bytes and whole messages, never framing, on every transport. */
export interface ConnectionStats {
  /** Payload bytes of messages accepted for sending. */
  readonly bytesSent: number;
  /** Payload bytes of messages handed to callbacks. */
  readonly bytesReceived: number;
  /** Messages accepted for sending. */
  readonly messagesSent: number;
  /** Messages handed to callbacks. */
  readonly messagesReceived: number;
  /** When `connected` was reached, in milliseconds since the epoch; 0 before. */
  readonly connectTime: number;
  /** When a message was last sent or received, in milliseconds since the epoch; 0 before. */
  readonly lastActivityTime: number;
}

/**
 * What was accepted for sending, and of which the peer has not shown that it took it: upper bounds. A peer that has called
 * `disconnect()` drops what still arrives, and may confirm it.
 */
export interface UnconfirmedSends {
  /** Whole messages. */
  readonly messages: number;
  /** Payload bytes. */
  readonly bytes: number;
}

/** Small, urgent messages. */
export const CHANNEL_CONTROL = 'control';
/** Bulk data from an editor or tool to an engine. */
export const CHANNEL_ASSET_UPLOAD = 'asset-upload';
/** Bulk data from an engine to an editor or tool. */
export const CHANNEL_ASSET_DOWNLOAD = 'asset-download';

/**
 * Who owns the bytes that a message callback receives: `copy`, the callback; `borrow`, valid until it returns. A peer on
 * shared memory can change borrowed bytes at any moment: copy them before native code (`TextDecoder`, zlib) reads them.
 * `InPlaceCallbackOptions` has the third way, which borrows without a view.
 */
export type MessageOwnership = 'copy' | 'borrow';

/** How a message callback is to be called. */
export interface MessageCallbackOptions {
  /**
   * Who owns the bytes.
   * @default 'copy'
   */
  readonly ownership?: MessageOwnership;
}

/** How a message callback that reads in place is to be called. */
export interface InPlaceCallbackOptions {
  /** The transport owns the bytes. */
  readonly ownership: 'in-place';
}

/**
 * Receives one whole message. What it returns is ignored, save a promise: its rejection is reported through `error`.
 * Delivery never waits for that promise.
 */
export type MessageCallback = (data: Uint8Array) => unknown;

/**
 * Receives one whole message where it lies: `bytes[start]` to `bytes[end - 1]`, in the transport's own array. Nothing is
 * allocated for it. The bytes are valid until the callback returns, and they are to be read only: what lies outside the bounds belongs
 * to other messages, and on shared memory to both processes. A peer on shared memory can change the message at any
 * moment: read each value once, and copy the bytes before native code (`TextDecoder`, zlib) reads them. What the callback
 * returns is treated as that of a `MessageCallback`.
 */
export type InPlaceMessageCallback = (bytes: Uint8Array, start: number, end: number) => unknown;

/**
 * Writes one message of the announced length where it is sent from: `bytes[start]` is its first byte. What the array holds
 * there at first is unspecified, so every byte of the message is to be written; nothing outside of it may be written.
 * The array is valid until the function returns. It must write at once: a function that returns a promise sends nothing.
 */
export type InPlaceWriter = (bytes: Uint8Array, start: number) => unknown;

/** Options of `messages()`. */
export interface MessagesOptions {
  /** The named channel whose messages are wanted, open or not. @default the default channel */
  readonly channel?: string;
  /** Ends the loop: a waiting `next()` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Receives one state transition; `error` tells why, where the new state is `failed`. */
export type StateCallback = (state: ConnectionState, error?: NetworkError) => unknown;
