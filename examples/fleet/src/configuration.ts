import { readFileSync } from 'node:fs';
import type { ConnectionConfig } from '@entropynet/core';

/** Which transport a client tries after shared memory. */
export type Preference = 'websocket' | 'nats';

/**
 * `fleet.json`, with the addresses and the secrets of this place, which the environment holds. The service and its clients call
 * the same function: a service listens on every address, and a client tries one after the other.
 */
export function fleetConfig(
  environment: NodeJS.ProcessEnv = process.env,
  preference: Preference = 'websocket',
): ConnectionConfig {
  const text = readFileSync(new URL('../fleet.json', import.meta.url), 'utf8');
  const config = JSON.parse(text) as ConnectionConfig;
  const { FLEET_WEBSOCKET, FLEET_NATS, FLEET_NATS_PASSWORD: password, FLEET_SECRET: secret } = environment;
  const [webSocket = '', nats = ''] = config.fallback ?? [];
  const fallback = [FLEET_WEBSOCKET ?? webSocket, FLEET_NATS ?? nats];
  return {
    ...config,
    fallback: preference === 'nats' ? fallback.reverse() : fallback,
    // Connects again by itself, each time from the first address on: to shared memory as soon as that is there.
    reconnect: {},
    nats: { ...config.nats, ...(password !== undefined && { user: 'fleet', password }) },
    ...(secret !== undefined && { secret }),
  };
}
