import {
  type ConnectionConfig,
  ConnectionType,
  type FrameLink,
  frameTypeOf,
  type FrameWriter,
  NetworkConnection,
  OWN_CAPABILITIES,
  type PeerLimits,
  type Result,
} from '@entropynet/core';

/** A frame that a connection wrote. */
export interface WrittenFrame {
  readonly header: number;
  readonly bytes: Uint8Array;
}

/** A medium in memory. A test reads the written frames, and decides whether there is room. */
export class BareWriter implements FrameWriter {
  readonly maxFrameBytes: number;
  /** Everything that was written, oldest first. */
  readonly frames: WrittenFrame[] = [];
  /** The number of frames for which there is room. */
  room = Infinity;
  #claimed = new Uint8Array(0);

  constructor(maxFrameBytes = 65_536) {
    this.maxFrameBytes = maxFrameBytes;
  }

  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.room <= 0) return false;
    this.room -= 1;
    this.frames.push({ header, bytes: bytes.slice(start, end) });
    return true;
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (this.room <= 0) return undefined;
    this.#claimed = new Uint8Array(length);
    return this.#claimed;
  }

  commitClaim(header: number): void {
    this.room -= 1;
    this.frames.push({ header, bytes: this.#claimed });
  }

  abortClaim(): void {
    this.#claimed = new Uint8Array(0);
  }

  /** The frames of one type, oldest first. */
  ofType(type: number): WrittenFrame[] {
    return this.frames.filter(({ header }) => frameTypeOf(header) === type);
  }
}

/** The greeting of the peer of a bare connection, unless a test changes it. */
export const BARE_LIMITS: PeerLimits = {
  maxMessageSize: 1 << 20,
  channelWindow: 65_536,
  maxChannels: 1024,
  capabilities: OWN_CAPABILITIES,
};

/** An accepted connection without a transport: the test is the peer, frame by frame. */
export class BareConnection extends NetworkConnection {
  readonly writer: BareWriter;

  constructor(config: Partial<ConnectionConfig> = {}, peerLimits: PeerLimits = BARE_LIMITS, writer = new BareWriter()) {
    super({ endpoint: 'bare', ...config }, { writer, peerLimits });
    this.writer = writer;
  }

  /** Receives a frame, in memory that the peer owns. */
  feed(header: number, bytes = new Uint8Array(0)): void {
    this.onFrameReceived(header, bytes, 0, bytes.length, false);
  }

  /** The medium has room again. */
  makeRoom(frames = Infinity): void {
    this.writer.room = frames;
    this.onWritable();
  }

  /** The peer said goodbye. */
  end(): void {
    this.onStateChanged('disconnected');
  }

  getType(): ConnectionType {
    return ConnectionType.Local;
  }

  getBackend(): string {
    return 'bare';
  }

  protected doConnect(): Promise<Result<FrameLink>> {
    throw new Error('an accepted connection is never dialled');
  }

  protected doStartReceiving(): void {
    // The test supplies its frames.
  }

  protected doDisconnect(): Promise<void> {
    return Promise.resolve();
  }

  protected doRelease(): void {
    // There is nothing to release.
  }

  protected doSetReferenced(): void {
    // It never keeps the process alive.
  }
}
