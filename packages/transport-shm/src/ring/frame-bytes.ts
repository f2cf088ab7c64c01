import { FRAME_ALIGNMENT, FRAME_HEADER_BYTES } from '../region/layout.js';

/** The bytes that a frame has besides its payload, at most. */
const OVERHEAD_BYTES = FRAME_HEADER_BYTES + FRAME_ALIGNMENT - 1;

/** What aligns a place in a ring downwards to that of a frame. */
export const ALIGNMENT_MASK = ~(FRAME_ALIGNMENT - 1);

/** Returns the bytes of a frame with `length` payload bytes: with its header, and aligned. */
export function frameBytesOf(length: number): number {
  return (length + OVERHEAD_BYTES) & ALIGNMENT_MASK;
}
