import * as v from 'valibot';

/** What the engine tells every page, once a frame. */
export const frameSchema = v.object({
  /** Counts up from 1. */
  number: v.pipe(v.number(), v.integer()),
  /** How long the frame took, in milliseconds. */
  milliseconds: v.number(),
  particles: v.pipe(v.number(), v.integer()),
});
export type Frame = v.InferOutput<typeof frameSchema>;

/** What a page may ask for; the reply is how it is from then on. */
export const orderSchema = v.object({
  particles: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(200_000))),
  isPaused: v.optional(v.boolean()),
});
export type Order = v.InferOutput<typeof orderSchema>;

/** How the engine is set. */
export interface Settings {
  readonly particles: number;
  readonly isPaused: boolean;
}

/** The path of the WebSocket endpoint. */
export const FEED = '/feed';
