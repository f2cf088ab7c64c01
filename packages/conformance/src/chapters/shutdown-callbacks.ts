import type { NetworkConnection } from '@entropynet/core';

/** Protected, because it is for authors of transports. This suite takes the role of one. */
export function shutdownCallbacks(connection: NetworkConnection): Promise<void> {
  return (connection as unknown as { shutdownCallbacks(): Promise<void> }).shutdownCallbacks();
}
