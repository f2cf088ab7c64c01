import type { PeerLimits } from './peer-limits.js';

/**
 * The sending half of an established link: a transport's ring, socket or queue. Boundaries and order of frames are the
 * writer's to keep; windows, fragments, queues and channels are not its business.
 */
export interface FrameWriter {
  /** The longest payload that `tryWrite` and claims take, in bytes; the same for the link's whole life. */
  readonly maxFrameBytes: number;

  /**
   * Takes one whole frame, copying `bytes[start, end)`, or nothing. Never waits and never throws for a peer's doing.
   * After a false the transport must call `onWritable()` of its connection as soon as there may be room.
   */
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean;

  /**
   * The frames until `endBatch()` may be published together, to save what each costs by itself; none has to be held back.
   * Only `tryWrite` is called in between, and its answers mean what they always do.
   */
  beginBatch?(): void;

  /** Everything that was written is on its way when this returns. */
  endBatch?(): void;

  /**
   * Room for a frame with `length` payload bytes, to be filled in place; undefined where there is none, with the same
   * obligation as a false from `tryWrite`. Until commit or abort no other method is called; a link that failed gets neither.
   */
  tryClaim(length: number): Uint8Array | undefined;

  /**
   * As `tryClaim` without a view: the index in `claimedBytes` at which the payload begins; -1 where there is no room. For
   * a transport whose frames lie in an array that lasts; without it, `tryClaim` serves.
   */
  tryClaimAt?(length: number): number;

  /** The array in which `tryClaimAt` found room. */
  readonly claimedBytes?: Uint8Array;

  /** Sends the claimed frame. Can't fail. */
  commitClaim(header: number): void;

  /** Gives the claimed room back; nothing is sent. */
  abortClaim(): void;
}

/** Takes the frames of a link: the receiving half of a connection. */
export interface FrameSink {
  /**
   * One frame, in order. May end the connection.
   * @param isOwned whether `bytes` is given away; if not, it is valid during this call only
   */
  receive(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void;
}

/** What a transport hands to the base once a link to the peer stands. */
export interface FrameLink {
  /** The sending half; the receiving half reports to the connection itself. */
  readonly writer: FrameWriter;
  /** What the peer said in the handshake (`decodePeerLimits`). */
  readonly peerLimits: PeerLimits;
}
