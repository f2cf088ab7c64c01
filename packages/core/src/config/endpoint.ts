import { kindOf } from '../result/kind-of.js';
import { printable } from '../result/printable.js';
import { redactEndpoint } from '../result/redact.js';
import { err, ok, type Result } from '../result/result.js';
import { utf8Length } from '../result/utf8-length.js';

/** The parts of an endpoint. */
export interface Endpoint {
  /** The whole text. */
  readonly text: string;
  /** The scheme without `://`, in lower case. Undefined for a bare name, which means a server on this machine. */
  readonly scheme: string | undefined;
  /** The text after the scheme. Without a scheme, the whole text. */
  readonly rest: string;
}

const MAX_ENDPOINT_BYTES = 2048;
const MAX_SHOWN = 80;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is;
// Control characters would make a name that logs and terminals can't show.
const CONTROL_CHARACTERS = /\p{Cc}/u;

/**
 * Splits an endpoint into its parts. `InvalidParameter`: it is not a string, is empty or too long, or contains control
 * characters.
 */
export function parseEndpoint(text: string): Result<Endpoint> {
  if (typeof text !== 'string') return err('InvalidParameter', `an endpoint is a string; ${kindOf(text)} was given`);
  const fault = faultOfEndpoint(text);
  if (fault !== undefined)
    return err('InvalidParameter', `endpoint '${printable(redactEndpoint(text), MAX_SHOWN)}': ${fault}`);
  const match = SCHEME.exec(text);
  return ok({ text, scheme: match?.[1]?.toLowerCase(), rest: match?.[2] ?? text });
}

/** Returns the fault of an endpoint, independent of the transport; undefined if there is none. */
export function faultOfEndpoint(text: string): string | undefined {
  if (CONTROL_CHARACTERS.test(text)) return 'it has control characters; a name or an address has none';
  if (utf8Length(text) > MAX_ENDPOINT_BYTES) return `it is longer than ${MAX_ENDPOINT_BYTES} bytes`;
  const isEmpty = (SCHEME.exec(text)?.[2] ?? text) === '';
  return isEmpty ? "it is empty; a name like 'canvas' or an address like 'ws://host:port' is expected" : undefined;
}
