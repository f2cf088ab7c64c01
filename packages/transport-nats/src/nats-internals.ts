import type { NatsConnection } from '@nats-io/nats-core';

/**
 * The internals of `@nats-io` that this side uses, because a process must be able to end while a connection is idle.
 */
export interface Internals {
  readonly protocol?: {
    readonly transport?: { readonly socket?: { ref?(): unknown; unref?(): unknown } };
    readonly heartbeats?: { cancel?(): void };
  };
}

/** Returns a NATS connection with those internals. */
export function internalsOf(connection: NatsConnection): Internals {
  return connection as unknown as Internals;
}
