import { printable } from '../result/printable.js';
import { redactEndpoint } from '../result/redact.js';
import { err, ok, type Result } from '../result/result.js';

/** An endpoint in its parts. */
export interface Endpoint {
  /** The text as it was given. */
  readonly text: string;
  /** The scheme without `://`, in lower case; undefined for a bare name, which stands for "on this machine". */
  readonly scheme: string | undefined;
  /** What follows the scheme; the name itself where there is none. */
  readonly rest: string;
}

const MAX_ENDPOINT_BYTES = 2048;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is;
// Control characters would make a name that logs and terminals can't show.
// eslint-disable-next-line no-control-regex -- finding control characters is the purpose
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f]/;

/** Takes an endpoint apart. `InvalidParameter`: empty, too long, or with control characters. */
export function parseEndpoint(text: string): Result<Endpoint> {
  const shown = `'${printable(redactEndpoint(text), 80)}'`;
  if (CONTROL_CHARACTERS.test(text)) {
    return err('InvalidParameter', `endpoint ${shown} has control characters; a name or an address has none`);
  }
  if (new TextEncoder().encode(text).length > MAX_ENDPOINT_BYTES) {
    return err('InvalidParameter', `endpoint ${shown} is longer than ${MAX_ENDPOINT_BYTES} bytes`);
  }
  const match = SCHEME.exec(text);
  const rest = match?.[2] ?? text;
  if (rest === '') {
    return err(
      'InvalidParameter',
      `endpoint ${shown} is empty; a name like 'canvas' or an address like 'ws://host:port' is expected`,
    );
  }
  return ok({ text, scheme: match?.[1]?.toLowerCase(), rest });
}
