import type { CloseReason, Connection } from '@entropynet/core';

/** The members of a connection that requests use. `NetworkConnection` and `ConnectionHandle` have them. */
export interface RequestConnection extends Pick<
  Connection,
  'channel' | 'closed' | 'isConnected' | 'openChannel' | 'startReceiving'
> {
  /** Only a handle has it: calls the listener for each of its connections. */
  onConnected?(listener: (connection: RequestConnection) => unknown): () => void;
}

/** The members of a connection that a port uses. `NetworkConnection` and `ConnectionHandle` have them. */
export interface MessagingConnection
  extends
    RequestConnection,
    Pick<Connection, 'defaultChannel' | 'send' | 'sendOnChannel' | 'trySend' | 'trySendOnChannel'> {}

type ClosedListener = (reason: CloseReason) => void;

const listenersOf = new WeakMap<Promise<CloseReason>, Set<ClosedListener>>();

/**
 * Calls `listener` when `closed` resolves. Returns a function that prevents that. A connection may live long, and
 * callbacks of `then` can't be removed from its promise.
 */
export function whenClosed(closed: Promise<CloseReason>, listener: ClosedListener): () => void {
  let listeners = listenersOf.get(closed);
  if (listeners === undefined) {
    const all = new Set<ClosedListener>();
    listeners = all;
    listenersOf.set(closed, all);
    void closed.then((reason) => {
      listenersOf.delete(closed);
      for (const each of [...all]) if (all.delete(each)) each(reason);
    });
  }
  const own: ClosedListener = (reason) => {
    listener(reason);
  };
  const all = listeners;
  all.add(own);
  return () => {
    all.delete(own);
  };
}
