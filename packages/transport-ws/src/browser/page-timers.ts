/**
 * The timers of the platform, captured once, so that a test framework that replaces them later changes nothing here.
 */
export const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
