/** What the suite uses of `node:timers/promises`. */
export function setTimeout(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    globalThis.setTimeout(resolve, delayMs);
  });
}
