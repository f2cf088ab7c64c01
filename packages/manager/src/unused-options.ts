import { debugLog, printable, redactEndpoint, type ResolvedConnectionConfig, type Transport } from '@entropynet/core';
import type { Candidate } from './selection.js';

const log = debugLog('manager');

const MAX_KEY = 60;

/** Returns a sentence about a key of `transportOptions` that no transport reads; undefined if there is none. */
export function faultOfTransportOptions(
  { transportOptions }: ResolvedConnectionConfig,
  transports: readonly Transport[],
): string | undefined {
  for (const key of Object.keys(transportOptions)) {
    const shown = `'transportOptions.${printable(key, MAX_KEY)}' was given`;
    const transport = transports.find(({ backend }) => backend === key);
    if (transport === undefined) {
      const known = transports.map(({ backend }) => `'${backend}'`).join(', ');
      return `${shown}, and no transport of that name is registered; registered are ${known}`;
    }
    if (transport.optionsKey !== undefined)
      return `${shown}: the options of that transport belong under '${transport.optionsKey}'`;
  }
  return undefined;
}

/**
 * Writes to the debug log which sections no endpoint of a configuration uses. They are allowed, because a program may
 * change only the endpoint of a configuration.
 */
export function logUnusedSections(
  given: unknown,
  { endpoint }: ResolvedConnectionConfig,
  candidates: readonly Candidate[],
  transports: readonly Transport[],
): void {
  for (const { backend, optionsKey } of transports) {
    if (optionsKey === undefined || !isGiven(given, optionsKey)) continue;
    if (candidates.some(({ transport }) => transport.optionsKey === optionsKey)) continue;
    log(() => `${redactEndpoint(endpoint)}: '${optionsKey}' is unused, no endpoint is for ${backend}`);
  }
}

function isGiven(given: unknown, key: string): boolean {
  try {
    return typeof given === 'object' && given !== null && Object.hasOwn(given, key);
  } catch {
    // Reading a proxy of the program threw.
    return false;
  }
}
