import type { Transport } from '../api/transport.js';
import { redactEndpoint } from '../result/redact.js';
import { err, ok, type Result } from '../result/result.js';
import { type Endpoint, parseEndpoint } from './endpoint.js';

/**
 * Returns the transports that serve an endpoint, in their order in the list: those with its scheme, or every `local` one
 * for a bare name. There is at least one. `InvalidParameter`: the endpoint is malformed, or no transport serves it.
 */
export function servingTransports(
  text: string,
  transports: readonly Transport[],
): Result<readonly [Transport, ...Transport[]]> {
  const endpoint = parseEndpoint(text);
  if (!endpoint.ok) return endpoint;
  const [first, ...others] = transports.filter((transport) => serves(transport, endpoint.value));
  return first === undefined
    ? err('InvalidParameter', describeUnserved(endpoint.value, transports))
    : ok([first, ...others]);
}

function serves(transport: Transport, { scheme }: Endpoint): boolean {
  return scheme === undefined ? transport.connectionType === 'local' : transport.schemes.includes(scheme);
}

function describeUnserved({ text, scheme }: Endpoint, transports: readonly Transport[]): string {
  const schemes = transports.flatMap((transport) => transport.schemes.map((each) => `${each}://`)).join(', ');
  const shown = redactEndpoint(text);
  return scheme === undefined
    ? `endpoint '${shown}' is a bare name, and no registered transport is local; registered schemes are ${schemes}`
    : `endpoint '${shown}' has the unknown scheme '${scheme}'; registered are ${schemes}`;
}
