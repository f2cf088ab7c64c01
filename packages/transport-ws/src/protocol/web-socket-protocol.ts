/**
 * What both sides of a WebSocket link agree on; `docs/web-socket-protocol.md` is the normative text.
 *
 * ```
 *  0               4
 * +---------------+-------------------------+
 * | header (u32le)| payload                 |   one binary WebSocket message
 * +---------------+-------------------------+
 * ```
 */
export const SUBPROTOCOL = 'entropynet.v1';

/** The frame header's length in bytes. */
export const HEADER_BYTES = 4;

/**
 * The longest payload of a frame, a fixed part of the protocol. Large enough that a bulk transfer is not slowed by
 * framing, small enough that a frame of another channel need not wait long for its turn.
 */
export const MAX_FRAME_BYTES = 256 * 1024;

/** The longest WebSocket message that either side may send. */
export const MAX_MESSAGE_BYTES = HEADER_BYTES + MAX_FRAME_BYTES;

/**
 * A message of one byte: a page is alive, which can send no ping. Sent only to peers that take it
 * (`Capability.SignOfLife`), and dropped.
 */
export const SIGN_OF_LIFE = Uint8Array.of(0);

/** The WebSocket close codes that the protocol gives a meaning to. */
export const CloseCode = {
  /** The graceful end: everything was sent. */
  Normal: 1000,
  /** The side is shutting down. */
  GoingAway: 1001,
  /** A frame, a greeting or a message broke this protocol. */
  ProtocolError: 1002,
  /** A text message. */
  UnsupportedData: 1003,
  /** Never sent: a close frame without a code. */
  NoStatus: 1005,
  /** Never sent: the connection ended without a close frame. */
  Abnormal: 1006,
  /** No greeting in time. */
  PolicyViolation: 1008,
  /** A message longer than the frame limit. */
  TooLarge: 1009,
  /** Too many connections wait to be accepted. */
  TryAgainLater: 1013,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** A page may send 1000, and none of the other codes that have a meaning: it sends them as codes of an application. */
const APPLICATION_CODES = 3000;

/** The code that a page sends instead of `code`. */
export function applicationCodeOf(code: CloseCode): number {
  return code === CloseCode.Normal ? code : code + APPLICATION_CODES;
}

/** The code that is meant, no matter which side sent it. */
export function protocolCodeOf(code: number): number {
  const meant = code - APPLICATION_CODES;
  return meant > CloseCode.Normal && meant <= CloseCode.TryAgainLater ? meant : code;
}

/**
 * Options of `ws` that hold on both ends: no compression unless it is asked for, tight bounds on what an unfinished message
 * may hold, and pings left to the link, which answers while there is room.
 */
export const SOCKET_OPTIONS = Object.freeze({
  perMessageDeflate: false,
  autoPong: false,
  maxPayload: MAX_MESSAGE_BYTES,
  maxFragments: 1024,
  maxBufferedChunks: 4096,
});
