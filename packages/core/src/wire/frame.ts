/**
 * A frame is the unit that a transport carries: a 32-bit header word and payload bytes. The transport keeps its boundary.
 *
 * ```
 *  31            24 23                             8 7              0
 * +----------------+--------------------------------+----------------+
 * |  0 (reserved)  |  channel id (0 is the default) |   frame type   |
 * +----------------+--------------------------------+----------------+
 * ```
 *
 * A channel id belongs to the side that sends on it: each side numbers the channels that it announces.
 * `docs/adr/0003-channels-and-fragments.md` gives the reasons.
 */
export const FrameType = {
  /** A whole message. */
  Message: 0,
  /** The total length of a message (u32) whose bytes follow as fragments. */
  MessageStart: 1,
  /** The next bytes of the started message. */
  Fragment: 2,
  /** The sender does not finish the started message. */
  MessageAbort: 3,
  /** The name of the sender's channel id (UTF-8). From then on, both sides may send on the channel. */
  ChannelOpen: 4,
  /** The sender refuses the channel id of the receiver's `ChannelOpen`: a limit was reached. */
  ChannelRefuse: 5,
  /** Bytes (u32) that the receiver may send in addition on its channel id. */
  WindowUpdate: 6,
  /** The sender sends nothing more under its channel id. Only to a peer with `Capability.ChannelClose`. */
  ChannelClose: 7,
  /** Confirms the receiver's `ChannelClose`: no later frame refers to its channel id, so the id is free. */
  ChannelClosed: 8,
  /**
   * Like `WindowUpdate`, for frames that the sender has dropped because it ends the connection: their messages were not
   * received. Only to a peer with `Capability.DroppedWindow`.
   */
  DroppedWindow: 9,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The highest channel id that a header can carry. */
export const MAX_CHANNEL_ID = 0xffff;

/**
 * The bytes of a channel's window that a frame uses in addition to its payload. So a window limits the number of frames
 * as well as their bytes. The bookkeeping of one waiting frame takes about that much memory.
 */
export const FRAME_COST_BYTES = 64;

/** Returns the header word of a frame. */
export function frameHeader(type: FrameType, channelId: number): number {
  return (channelId << 8) | type;
}

/** Returns the frame type of a header word. It is not checked: any of 256 values is possible. */
export function frameTypeOf(header: number): number {
  return header & 0xff;
}

/** Returns the channel id of a header word with its reserved bits, so an id that is out of range matches no channel. */
export function channelIdOf(header: number): number {
  return header >>> 8;
}

const encoded = new Uint8Array(4);

/**
 * Returns four bytes, little-endian, in an array that the next call reuses: a writer copies them. The functions here
 * use neither `DataView` nor `buffer`, because reading `buffer` creates an array buffer, which the garbage collector
 * then has to free.
 */
export function encodeUint32(value: number): Uint8Array {
  encoded[0] = value;
  encoded[1] = value >>> 8;
  encoded[2] = value >>> 16;
  encoded[3] = value >>> 24;
  return encoded;
}

/** Returns the unsigned number in four little-endian bytes at `start`. */
export function decodeUint32(bytes: Uint8Array, start: number): number {
  return (bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24)) >>> 0;
}
