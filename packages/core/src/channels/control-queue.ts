import { encodeUint32, frameHeader, FrameType } from '../wire/frame.js';
import type { IncomingHalf, OutgoingHalf } from './channel.js';
import { Fifo } from './fifo.js';

interface ControlFrame {
  readonly header: number;
  readonly bytes: Uint8Array;
  /** The half that this frame announces. */
  readonly announces: OutgoingHalf | undefined;
}

/** Writes one frame. Returns false if there is no room. */
export type WriteFrame = (header: number, bytes: Uint8Array) => boolean;

const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/** The frames that are no messages and go ahead of them: control frames of channels, and window updates. */
export class ControlQueue {
  readonly #write: WriteFrame;
  readonly #frames = new Fifo<ControlFrame>();
  readonly #creditDue = new Set<IncomingHalf>();
  readonly #announcements = new Map<OutgoingHalf, Set<(wasAnnounced: boolean) => void>>();
  readonly #onAnnounced: (half: OutgoingHalf) => void;
  /** The type of the frames that return window. */
  #creditType: FrameType = FrameType.WindowUpdate;

  /** @param onAnnounced called after the half's id was announced: its waiting messages may follow */
  constructor(write: WriteFrame, onAnnounced: (half: OutgoingHalf) => void) {
    this.#write = write;
    this.#onAnnounced = onAnnounced;
  }

  /** The number of waiting frames, without window updates. */
  get length(): number {
    return this.#frames.length;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0 && this.#creditDue.size === 0;
  }

  push(type: FrameType, id: number): void {
    this.#frames.push({ header: frameHeader(type, id), bytes: NO_BYTES, announces: undefined });
  }

  /** Announces a half's id and its channel's name to the peer. */
  announce(half: OutgoingHalf): void {
    const header = frameHeader(FrameType.ChannelOpen, half.id);
    this.#frames.push({ header, bytes: encoder.encode(half.channel.name), announces: half });
  }

  /**
   * Calls the listener with true after the announcement was written, or with false if the link ended before. Returns a
   * function that removes the listener.
   */
  onAnnounced(half: OutgoingHalf, listener: (wasAnnounced: boolean) => void): () => void {
    const listeners = this.#announcements.get(half) ?? new Set();
    listeners.add(listener);
    this.#announcements.set(half, listeners);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Notes that this side has window to return for the half. */
  oweCredit(half: IncomingHalf): void {
    this.#creditDue.add(half);
  }

  /** The peer no longer uses the half: this side sends no window update for it. */
  forgetCredit(half: IncomingHalf): void {
    this.#creditDue.delete(half);
  }

  /** Returns window at once. Returns false if there is no room. */
  writeCredit(half: IncomingHalf): boolean {
    if (!this.#write(frameHeader(this.#creditType, half.id), encodeUint32(half.owed))) return false;
    half.noteReturned();
    return true;
  }

  /** From now on, until the link is gone, this side returns window for frames that it drops. */
  reportDrops(): void {
    this.#creditType = FrameType.DroppedWindow;
  }

  /** Writes the waiting frames. Returns false if there was no room for all of them. */
  pump(): boolean {
    for (let frame = this.#frames.head; frame !== undefined; frame = this.#frames.head) {
      if (!this.#write(frame.header, frame.bytes)) return false;
      this.#frames.shift();
      if (frame.announces !== undefined) this.#noteAnnounced(frame.announces);
    }
    for (const half of this.#creditDue) {
      if (!this.writeCredit(half)) return false;
      this.#creditDue.delete(half);
    }
    return true;
  }

  /** The link is gone. */
  clear(): void {
    this.#creditType = FrameType.WindowUpdate;
    this.#frames.clear();
    this.#creditDue.clear();
    const waiting = [...this.#announcements.values()].flatMap((listeners) => [...listeners]);
    this.#announcements.clear();
    for (const listener of waiting) listener(false);
  }

  #noteAnnounced(half: OutgoingHalf): void {
    half.noteAnnounced();
    const listeners = this.#announcements.get(half) ?? [];
    this.#announcements.delete(half);
    for (const listener of listeners) listener(true);
    this.#onAnnounced(half);
  }
}
