/**
 * The frame: what a transport carries. A 32-bit header word and payload bytes; the transport keeps their boundary.
 *
 * ```
 *  31            24 23                             8 7              0
 * +----------------+--------------------------------+----------------+
 * |  0 (reserved)  |  channel id (0 is the default) |   frame type   |
 * +----------------+--------------------------------+----------------+
 * ```
 *
 * A channel id belongs to the side that sends on it: each side numbers the channels that it announces.
 * `docs/adr/0003-channels-and-fragments.md` tells why.
 */
export const FrameType = {
  /** A whole message. */
  Message: 0,
  /** The total length of a message (u32) whose bytes follow as fragments. */
  MessageStart: 1,
  /** The next bytes of the message that was started. */
  Fragment: 2,
  /** The message that was started will not be finished. */
  MessageAbort: 3,
  /** The sender's name for a channel id (UTF-8); both sides may send on it from here on. */
  ChannelOpen: 4,
  /** The channel id of the receiver's `ChannelOpen` was refused: a limit was reached. */
  ChannelRefuse: 5,
  /** Window bytes given back (u32) for the receiver's channel id. */
  WindowUpdate: 6,
  /** The sender sends nothing more under its channel id. Only to a peer with `Capability.ChannelClose`. */
  ChannelClose: 7,
  /** The receiver's `ChannelClose` was taken: its channel id is not meant by anything that follows, and is free. */
  ChannelClosed: 8,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The highest channel id that a header can carry. */
export const MAX_CHANNEL_ID = 0xffff;

/**
 * What a frame costs of a channel's window beside its payload bytes, so that a window bounds the number of frames as
 * well as their bytes: the book-keeping of one parked frame is about as large.
 */
export const FRAME_COST_BYTES = 64;

/** The header word of a frame. */
export function frameHeader(type: FrameType, channelId: number): number {
  return (channelId << 8) | type;
}

/** The frame type of a header word, unchecked: any of 256 values. */
export function frameTypeOf(header: number): number {
  return header & 0xff;
}

/** The channel id of a header word, reserved bits included: an id that is out of range matches no channel. */
export function channelIdOf(header: number): number {
  return header >>> 8;
}

const encoded = new Uint8Array(4);

/**
 * Four bytes, little-endian, until the next call: a writer copies them. No `DataView` and no `buffer`, here and below:
 * asking for them makes an array buffer, and collecting those was most of a pause.
 */
export function encodeUint32(value: number): Uint8Array {
  encoded[0] = value;
  encoded[1] = value >>> 8;
  encoded[2] = value >>> 16;
  encoded[3] = value >>> 24;
  return encoded;
}

/** Four little-endian bytes at `start`. */
export function decodeUint32(bytes: Uint8Array, start: number): number {
  return (bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24)) >>> 0;
}
