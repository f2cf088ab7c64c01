/** The part of `node:timers/promises` that the suite uses. */
export function setTimeout(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    globalThis.setTimeout(resolve, delayMs);
  });
}
