import * as z from 'zod';

/** What the engine tells every page, once a frame. */
export const frameSchema = z.object({
  /** Counts up from 1. */
  number: z.number().int(),
  /** How long the frame took, in milliseconds. */
  milliseconds: z.number(),
  particles: z.number().int(),
});
export type Frame = z.infer<typeof frameSchema>;

/** What a page may ask for; the reply is how it is from then on. */
export const orderSchema = z.object({
  particles: z.number().int().min(0).max(200_000).optional(),
  isPaused: z.boolean().optional(),
});
export type Order = z.infer<typeof orderSchema>;

/** How the engine is set. */
export interface Settings {
  readonly particles: number;
  readonly isPaused: boolean;
}

/** The path of the WebSocket endpoint. */
export const FEED = '/feed';
