import { type Channel, CHANNEL_ASSET_UPLOAD, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';

/** An update: object and property as 32 bits, the value as 64 bits, in the byte order of the machine. */
const UPDATE_BYTES = 16;
const PROPERTIES = 4;
const END_OF_FRAME = 0xffff_ffff;

/** Ten seconds of the engine. */
const FRAMES_FOR_CHANGE = 600;

/** The properties that an editor may change. */
export const Property = { X: 0, Y: 1, Angle: 2, Opacity: 3 } as const;
export type Property = (typeof Property)[keyof typeof Property];

/** What the engine says of an asset that has arrived. */
export interface AssetReceipt {
  readonly bytes: number;
  readonly checksum: number;
}

/** The editor's picture of the engine's scene. */
export class Editor {
  /** How many frames have ended. */
  frames = 0;
  /** How many updates have come. */
  updates = 0;
  readonly #engine: ConnectionHandle;
  readonly #values: Float64Array;
  /** Of the ring's memory, which stays the same for the life of a connection. */
  #view: DataView | undefined;
  #waiting: (() => void)[] = [];

  /** @param engine connected, or about to be */
  constructor(engine: ConnectionHandle, objects: number) {
    this.#engine = engine;
    this.#values = new Float64Array(objects * PROPERTIES);
    // In place: thousands of updates a frame make no object each.
    engine.setMessageCallback(
      (bytes, start, end) => {
        if (end - start !== UPDATE_BYTES) throw new Error(`the engine sent an update of ${end - start} bytes`);
        if (this.#view?.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
        this.#take(this.#view, bytes.byteOffset + start);
      },
      { ownership: 'in-place' },
    );
  }

  /** A property as the engine said last; NaN for an object that is not there. */
  get(object: number, property: Property): number {
    return this.#values[object * PROPERTIES + property] ?? Number.NaN;
  }

  /** The number of objects. */
  get objects(): number {
    return this.#values.length / PROPERTIES;
  }

  /**
   * Changes a property and waits for the engine's update. Returns the number of frames until that came. Throws if it
   * does not come: another editor may have changed the property again, and the engine sends only the last value.
   */
  async change(object: number, property: Property, value: number): Promise<number> {
    await this.set(object, property, value);
    for (let frames = 0; frames < FRAMES_FOR_CHANGE; frames += 1) {
      if (this.get(object, property) === value) return frames;
      await this.nextFrame();
    }
    throw new Error(`the engine has not confirmed the change within ${FRAMES_FOR_CHANGE} frames`);
  }

  /** Asks the engine to change a property. The engine's update confirms it. */
  async set(object: number, property: Property, value: number): Promise<void> {
    const change = new DataView(new ArrayBuffer(UPDATE_BYTES));
    change.setUint32(0, object, true);
    change.setUint32(4, property, true);
    change.setFloat64(8, value, true);
    unwrap(await this.#engine.send(new Uint8Array(change.buffer)));
  }

  /** Resolves when the engine ends its next frame; rejects if the connection ends before. */
  async nextFrame(): Promise<void> {
    const ended = this.#engine.closed.then(({ error }) => {
      throw error ?? new Error('the engine said goodbye');
    });
    await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), ended]);
  }

  /** Uploads an asset while the frames go on. */
  async upload(asset: Uint8Array): Promise<AssetReceipt> {
    const channel: Channel = this.#engine.channel(CHANNEL_ASSET_UPLOAD);
    unwrap(await channel.open());
    unwrap(await channel.send(asset));
    for await (const answer of channel.messages()) {
      const [bytes = 0, checksum = 0] = new TextDecoder().decode(answer).split(' ').map(Number);
      return { bytes, checksum };
    }
    throw new Error('the engine left without an answer to the upload');
  }

  #take(view: DataView, at: number): void {
    const object = view.getUint32(at, true);
    const property = view.getUint32(at + 4, true);
    if (property === END_OF_FRAME) {
      this.frames += 1;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
      return;
    }
    this.updates += 1;
    this.#values[object * PROPERTIES + property] = view.getFloat64(at + 8, true);
  }
}

/** FNV-1a, as the engine computes it. */
export function checksumOf(bytes: Uint8Array): number {
  let hash = 2_166_136_261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16_777_619);
  return hash >>> 0;
}
