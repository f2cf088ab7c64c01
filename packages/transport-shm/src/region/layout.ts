/**
 * The region, byte for byte. `native/region_layout.h` has the same constants for C++; a test compares the two.
 * `docs/shared-memory-protocol.md` is the normative text.
 *
 * ```
 *    0 +-----------------+-----------------+-----------------+-----------------+
 *      | magic           | layout version  | region bytes    | ring capacity   |  line 0: written once, by the
 *   16 | identity (16 random bytes)                                            |  server, before anyone else sees it
 *   32 | server process  | client process  | made at, ms since the epoch (u64) |
 *   64 +-----------------+-----------------+-----------------+-----------------+
 *      | server's tail   | server's head   | server closed   |                 |  line 1: the server writes
 *   80 | server's library: up to 20 printable characters                       |
 *  128 +-----------------+-----------------+-----------------+-----------------+
 *      | client's tail   | client's head   | client closed   |                 |  line 2: the client writes
 *  144 | client's library: up to 20 printable characters                       |
 *  192 +-----------------+-----------------+-----------------+-----------------+
 *      | server sleeps   | server needs    | client sleeps   | client needs    |  line 3: the named side sets a word,
 *      |                 | room            |                 | room            |  the other resets it to 0; rarely
 *  256 +-----------------+-----------------+-----------------+-----------------+
 *      | server to client ring, then client to server ring, `ring capacity` bytes each
 *
 *  a frame in a ring, 8-byte aligned:
 *      +-----------------+-----------------+------------------------+
 *      | payload length  | header word     | payload, padded to 8   |
 *      +-----------------+-----------------+------------------------+
 *      length 0xFFFFFFFF: the rest of the ring up to its end is unused
 * ```
 *
 * A tail is a ring's written position, a head its read position: free-running 32-bit counters of bytes.
 */
export const CONTROL_BLOCK_BYTES = 256;

export const MAGIC_OFFSET = 0;
export const MAGIC = 0x4e504e45;
export const LAYOUT_VERSION_OFFSET = 4;
export const LAYOUT_VERSION = 1;
export const REGION_BYTES_OFFSET = 8;
export const RING_CAPACITY_OFFSET = 12;
export const IDENTITY_OFFSET = 16;
export const IDENTITY_BYTES = 16;
export const SERVER_PROCESS_ID_OFFSET = 32;
export const CLIENT_PROCESS_ID_OFFSET = 36;
export const MADE_AT_OFFSET = 40;

export const SERVER_TAIL_OFFSET = 64;
export const SERVER_HEAD_OFFSET = 68;
export const SERVER_CLOSED_OFFSET = 72;
export const SERVER_LIBRARY_OFFSET = 80;

export const CLIENT_TAIL_OFFSET = 128;
export const CLIENT_HEAD_OFFSET = 132;
export const CLIENT_CLOSED_OFFSET = 136;
export const CLIENT_LIBRARY_OFFSET = 144;

export const LIBRARY_BYTES = 20;

export const SERVER_SLEEP_OFFSET = 192;
export const SERVER_WAITS_FOR_ROOM_OFFSET = 196;
export const CLIENT_SLEEP_OFFSET = 200;
export const CLIENT_WAITS_FOR_ROOM_OFFSET = 204;

/** How a side sleeps: not at all, on its socket in the event loop, or on the word itself as a futex. */
export const AWAKE = 0;
export const SLEEPS_ON_DOORBELL = 1;
export const SLEEPS_ON_FUTEX = 2;

export const FRAME_HEADER_BYTES = 8;
export const FRAME_ALIGNMENT = 8;
export const PADDING_LENGTH = 0xffffffff;

/** Returns the capacity of a ring in a region of `regionBytes`: half of the bytes after the control block. */
export function ringCapacityOf(regionBytes: number): number {
  return Math.floor((regionBytes - CONTROL_BLOCK_BYTES) / 2 / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/**
 * The positions of one side's words, as indices of an `Int32Array` over the region, and the start of its rings, in
 * bytes.
 */
export interface SideLayout {
  /** The tail of the ring that this side writes. This side writes the word. */
  readonly tail: number;
  /** The head of the ring that this side reads. This side writes the word. */
  readonly head: number;
  /** Set when this side said goodbye. This side writes the word. */
  readonly closed: number;
  readonly sleep: number;
  readonly waitsForRoom: number;
  /** The start of the ring that this side writes. */
  readonly ringStart: number;
}

/** The end of a region that this process has. */
export type RegionSide = 'server' | 'client';

/** Returns the words and the outgoing ring of one side. */
export function sideLayout(side: RegionSide, ringCapacity: number): SideLayout {
  if (side === 'server') {
    return {
      tail: SERVER_TAIL_OFFSET >> 2,
      head: SERVER_HEAD_OFFSET >> 2,
      closed: SERVER_CLOSED_OFFSET >> 2,
      sleep: SERVER_SLEEP_OFFSET >> 2,
      waitsForRoom: SERVER_WAITS_FOR_ROOM_OFFSET >> 2,
      ringStart: CONTROL_BLOCK_BYTES,
    };
  }
  return {
    tail: CLIENT_TAIL_OFFSET >> 2,
    head: CLIENT_HEAD_OFFSET >> 2,
    closed: CLIENT_CLOSED_OFFSET >> 2,
    sleep: CLIENT_SLEEP_OFFSET >> 2,
    waitsForRoom: CLIENT_WAITS_FOR_ROOM_OFFSET >> 2,
    ringStart: CONTROL_BLOCK_BYTES + ringCapacity,
  };
}
