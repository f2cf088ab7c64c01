import type { PeerLimits } from './peer-limits.js';

/**
 * The sending half of an established link: a transport's ring, socket or queue. It keeps the boundaries and the order
 * of frames. Core handles windows, fragments, queues and channels.
 */
export interface FrameWriter {
  /** The largest payload of `tryWrite` and of claims, in bytes. It never changes. */
  readonly maxFrameBytes: number;

  /**
   * Writes one whole frame, or nothing. It copies the payload before it returns: all of `bytes`. `start` is 0, and `end` is
   * the true length. `bytes` may be the program's own array, with properties that the program has changed. So copy it with
   * `set`, and read none of its properties: that could run code of the program, which sends in between. It never waits, and
   * no action of a peer makes it throw. After it returned false, the transport must call `onWritable()` of its
   * connection as soon as there may be room. If there is no memory for the frame, the transport ends the connection with
   * `sendShortage` and returns false: core may call this method from a timer, where nobody catches an exception.
   * @returns whether the frame was written
   */
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean;

  /**
   * Begins a batch: the writer may publish the frames until `endBatch()` together, to save cost, but need not. Until
   * then core calls only `tryWrite`, whose results keep their meaning.
   */
  beginBatch?(): void;

  /** Ends the batch: when it returns, every written frame is published. */
  endBatch?(): void;

  /**
   * Reserves room for a frame with `length` payload bytes, which the caller writes into the returned array. Undefined
   * if there is no room; the transport then has the same duty as after a false of `tryWrite`. Until `commitClaim` or
   * `abortClaim` core calls no other method. If the link fails, core calls neither. If there is no memory, it may throw
   * the `RangeError` of V8: the caller gets `ResourceLimitExceeded` then, and the connection goes on.
   */
  tryClaim(length: number): Uint8Array | undefined;

  /**
   * The same without a new view. It returns the index in `claimedBytes` at which the payload begins, or -1 if there is
   * no room. A transport has it if its frames lie in one permanent array. Without it, core uses `tryClaim`.
   */
  tryClaimAt?(length: number): number;

  /**
   * The array to which the index of `tryClaimAt` refers. A writer with `tryClaimAt` has it, the same one while its link
   * lives. Programs get another one over the same memory. After `abortClaim()` because of a `disconnect()`, a program may
   * write there until it ends its claim, so the transport must write nothing else there.
   */
  readonly claimedBytes?: Uint8Array;

  /** Sends the claimed frame. It can't fail. */
  commitClaim(header: number): void;

  /** Frees the claimed room without sending anything. */
  abortClaim(): void;
}

/** The receiving half of a connection: it receives the frames of a link. */
export interface FrameSink {
  /**
   * Receives one frame, in order: `bytes[start]` to `bytes[end - 1]`. It may end the connection.
   * @param isOwned whether the sink owns `bytes` from now on; if not, they are valid only during this call
   */
  receive(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void;
}

/** An established link to the peer, which a transport passes to core. */
export interface FrameLink {
  /** The sending half; the receiving half reports to the connection itself. */
  readonly writer: FrameWriter;
  /** The peer's limits from the handshake (`decodePeerLimits`). */
  readonly peerLimits: PeerLimits;
}
