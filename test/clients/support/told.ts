import type { EventEmitter } from 'node:events';

/**
 * Resolves with what comes with the event, also where `error` is emitted before: not `once` of `node:events`, which rejects
 * then. An emitter of any package, whose types may not say that it is one of Node.js.
 */
export function told<T>(emitter: object, event: string): Promise<T> {
  return new Promise((resolve) => {
    (emitter as EventEmitter).once(event, resolve);
  });
}
