import type { NetworkConnection } from '@entropynet/core';

/** For authors of transports, hence protected: this suite stands in for one. */
export function shutdownCallbacks(connection: NetworkConnection): Promise<void> {
  return (connection as unknown as { shutdownCallbacks(): Promise<void> }).shutdownCallbacks();
}
