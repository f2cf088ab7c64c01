/** The life of a connection; `failed` is reached from `connecting` and `connected`. */
export const ConnectionState = {
  Disconnected: 'disconnected',
  Connecting: 'connecting',
  Connected: 'connected',
  Disconnecting: 'disconnecting',
  Failed: 'failed',
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** Whether the peer is on this machine or may be elsewhere. */
export const ConnectionType = { Local: 'local', Remote: 'remote' } as const;
export type ConnectionType = (typeof ConnectionType)[keyof typeof ConnectionType];

/** The transports that come with EntropyNet; third-party transports add their own names. */
export const ConnectionBackend = { Auto: 'auto', SharedMemory: 'shared-memory', WebSocket: 'websocket' } as const;
// `string & {}` keeps the known names in an editor's completion while any other name is allowed.
export type ConnectionBackend = (typeof ConnectionBackend)[keyof typeof ConnectionBackend] | (string & {});

/** A snapshot of a connection's counters: payload bytes and whole messages, never framing, on every transport. */
export interface ConnectionStats {
  /** Payload bytes of messages accepted for sending. */
  readonly bytesSent: number;
  /** Payload bytes of messages handed to callbacks. */
  readonly bytesReceived: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** When `connected` was reached, in milliseconds since the epoch; 0 before. */
  readonly connectTime: number;
  /** When a message was last sent or received, in milliseconds since the epoch; 0 before. */
  readonly lastActivityTime: number;
}

/** Small, urgent messages. */
export const CHANNEL_CONTROL = 'control';
/** Bulk data from an editor or tool to an engine. */
export const CHANNEL_ASSET_UPLOAD = 'asset-upload';
/** Bulk data from an engine to an editor or tool. */
export const CHANNEL_ASSET_DOWNLOAD = 'asset-download';

/** Who owns the bytes that a message callback receives: `copy`, the callback; `borrow`, valid until it returns. */
export type MessageOwnership = 'copy' | 'borrow';

export interface MessageCallbackOptions {
  /** @default 'copy' */
  readonly ownership?: MessageOwnership;
}

/**
 * Receives one whole message. What it returns is ignored, save a promise: its rejection is reported through `error`.
 * Delivery never waits for that promise.
 */
export type MessageCallback = (data: Uint8Array) => unknown;

/** Receives one state transition; `error` tells why, where the new state is `failed`. */
export type StateCallback = (state: ConnectionState, error?: Error) => unknown;
