/** What the suite uses of `node:timers`. */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];

channel.port1.onmessage = () => {
  waiting.shift()?.();
};

/** A turn of the event loop later: timers of a page are slower than that. */
export function setImmediate(callback: () => void): void {
  waiting.push(callback);
  channel.port2.postMessage(undefined);
}
