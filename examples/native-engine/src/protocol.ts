import * as v from 'valibot';

/** The path of the WebSocket endpoint. */
export const FEED = '/feed';

/** The numbers of an object in a picture of the scene: x and y from -100 to 100, and the opacity from 0 to 1. */
export const NUMBERS_OF_OBJECT = 3;

/*
 * The editor sends a picture to each page in each frame: 32-bit floats in the byte order of the machine. First comes the
 * number of the frame, then the numbers of each object.
 */

/** An order of a page. */
export const orderSchema = v.object({
  object: v.pipe(v.number(), v.integer(), v.minValue(0)),
  opacity: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
});
export type Order = v.InferOutput<typeof orderSchema>;

/** The answer to an order, after the engine has confirmed the change. */
export interface Confirmation {
  /** The number of frames until the engine's update came. */
  readonly frames: number;
}
