import { CHANNEL_CONTROL, channelIdOf, FrameType, frameTypeOf, type FrameWriter } from '@entropynet/core';
import { MAX_FRAME_BYTES } from './nats-protocol.js';
import type { OutgoingLane } from './outgoing-lane.js';

const CONTROL_NAME = new TextEncoder().encode(CHANNEL_CONTROL);
const NO_CHANNEL = -1;

/**
 * Writes frames to their lane. The prompt lane has the default channel, the channel `control`, and all control frames.
 * The bulk lane has the messages of the other named channels.
 */
export class NatsFrameWriter implements FrameWriter {
  readonly maxFrameBytes = MAX_FRAME_BYTES;

  readonly #prompt: OutgoingLane;
  readonly #bulk: OutgoingLane;
  /** This side's number of the channel `control`. */
  #controlId = NO_CHANNEL;
  #claimed: Uint8Array | undefined;

  constructor(prompt: OutgoingLane, bulk: OutgoingLane) {
    this.#prompt = prompt;
    this.#bulk = bulk;
  }

  // Hot path: no allocation of its own.
  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    const lane = this.#laneOf(header, bytes, start, end);
    return lane.hasRoom() && lane.write(header, bytes, start, end);
  }

  endBatch(): void {
    this.flush();
  }

  tryClaim(length: number): Uint8Array | undefined {
    // The lane of the frame is known only after the claim.
    if (!this.#prompt.hasRoom() || !this.#bulk.hasRoom()) return undefined;
    this.#claimed = new Uint8Array(length);
    return this.#claimed;
  }

  commitClaim(header: number): void {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    if (claimed === undefined) return;
    this.#laneOf(header, claimed, 0, claimed.length).write(header, claimed, 0, claimed.length);
  }

  abortClaim(): void {
    this.#claimed = undefined;
  }

  /** Publishes the collected frames. */
  flush(): void {
    this.#prompt.flush();
    this.#bulk.flush();
  }

  #laneOf(header: number, bytes: Uint8Array, start: number, end: number): OutgoingLane {
    if (header <= 0xff) return this.#prompt;
    const id = channelIdOf(header);
    switch (frameTypeOf(header)) {
      case FrameType.ChannelOpen:
        this.#noteChannel(id, bytes, start, end);
        return this.#prompt;
      case FrameType.Message:
      case FrameType.MessageStart:
      case FrameType.Fragment:
      case FrameType.MessageAbort:
      case FrameType.ChannelClose:
        return id === this.#controlId ? this.#prompt : this.#bulk;
      default:
        return this.#prompt;
    }
  }

  /** Notes the number of a channel. A number may be used again after its channel was closed. */
  #noteChannel(id: number, bytes: Uint8Array, start: number, end: number): void {
    const isControl =
      end - start === CONTROL_NAME.length && CONTROL_NAME.every((byte, index) => byte === bytes[start + index]);
    if (isControl) this.#controlId = id;
    else if (id === this.#controlId) this.#controlId = NO_CHANNEL;
  }
}
