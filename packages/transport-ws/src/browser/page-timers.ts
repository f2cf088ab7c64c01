/** Timers of the platform, taken once: a test framework that puts its own in their place later changes nothing here. */
export const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
