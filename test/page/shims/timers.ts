/** The part of `node:timers` that the suite uses. */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];

channel.port1.onmessage = () => {
  waiting.shift()?.();
};

/** In the next turn of the event loop. Timers of a page are slower. */
export function setImmediate(callback: () => void): void {
  waiting.push(callback);
  channel.port2.postMessage(undefined);
}
