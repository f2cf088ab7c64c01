/**
 * The WebSocket subprotocol of both sides. `docs/web-socket-protocol.md` is the normative text.
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
 * The largest payload of a frame, in bytes. The protocol fixes it. It is large enough that frames cost a bulk transfer
 * little, and small enough that a frame of another channel does not wait long.
 */
export const MAX_FRAME_BYTES = 256 * 1024;

/** The largest WebSocket message that a side may send, in bytes. */
export const MAX_MESSAGE_BYTES = HEADER_BYTES + MAX_FRAME_BYTES;

/**
 * A message of one byte with which a page, which can't send pings, shows that it is alive. A page sends it only to
 * peers with `Capability.SignOfLife`, which drop it.
 */
export const SIGN_OF_LIFE = Uint8Array.of(0);

/** The WebSocket close codes that have a meaning in the protocol. */
export const CloseCode = {
  /** The graceful end: the side has sent every message. */
  Normal: 1000,
  /** The side is shutting down. */
  GoingAway: 1001,
  /** A frame, a greeting or a message broke this protocol. */
  ProtocolError: 1002,
  /** The peer sent a text message. */
  UnsupportedData: 1003,
  /** Never sent: a close frame without a code. */
  NoStatus: 1005,
  /** Never sent: the connection ended without a close frame. */
  Abnormal: 1006,
  /** A text message, or the reason of a close frame, was not UTF-8. */
  InvalidText: 1007,
  /** The peer did not send its greeting in time. */
  PolicyViolation: 1008,
  /** The peer sent a message that is longer than the frame limit. */
  TooLarge: 1009,
  /** Too many connections wait to be accepted, or the side lacks memory for a message. */
  TryAgainLater: 1013,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** A page may send 1000, and none of the other codes that have a meaning: it sends them as codes of an application. */
const APPLICATION_CODES = 3000;

/** The code that a page sends instead of `code`. */
export function applicationCodeOf(code: CloseCode): number {
  return code === CloseCode.Normal ? code : code + APPLICATION_CODES;
}

/** Returns the code in the protocol's meaning, for a code of either side. */
export function protocolCodeOf(code: number): number {
  const meant = code - APPLICATION_CODES;
  return meant > CloseCode.Normal && meant <= CloseCode.TryAgainLater ? meant : code;
}

/**
 * The options of `ws` that apply at both ends: no compression unless it is configured, tight limits for an unfinished
 * message, and no automatic answers to pings, because the link answers them while there is room.
 */
export const SOCKET_OPTIONS = Object.freeze({
  perMessageDeflate: false,
  autoPong: false,
  maxPayload: MAX_MESSAGE_BYTES,
  maxFragments: 1024,
  maxBufferedChunks: 4096,
});
