import { printable } from './printable.js';

/** The largest length of a shown endpoint, in UTF-16 units. */
const MAX_SHOWN_ENDPOINT = 256;
const HIDDEN = '***';
const PARTS = /^([a-z][a-z0-9+.-]*:[\\/]{1,2})?(.*)$/is;
const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:@]*)(?::\d*)?$/;
const LETTER = /[a-z]/i;
const SCHEME_CHARACTER = /[a-z0-9+.-]/i;
const END_OF_ADDRESS = /[\s'"`<>]|$/g;

/**
 * Removes secrets from an endpoint. It replaces user information and query by `***`, because they may contain passwords
 * and tokens. It makes the rest printable, and cuts it at 256 characters. Every package shows endpoints through this
 * function, in errors, diagnostics, metrics, logs and pages.
 */
export function redactEndpoint(endpoint: string): string {
  // Each connect shows its endpoint several times, and without these characters there is nothing to hide.
  if (typeof endpoint !== 'string' || !(endpoint.includes('@') || endpoint.includes('?')))
    return printable(endpoint, MAX_SHOWN_ENDPOINT);
  const [, scheme = '', rest = ''] = PARTS.exec(endpoint) ?? [];
  return printable(scheme + withoutQuery(withoutUser(rest, scheme !== '')), MAX_SHOWN_ENDPOINT);
}

/**
 * Removes secrets from a text of others: applies `redactEndpoint` to each address in it, and `printable` to the whole.
 */
export function redactText(text: unknown, maxLength?: number): string {
  const whole = typeof text === 'string' ? text : printable(text, Number.MAX_SAFE_INTEGER);
  return printable(withRedactedAddresses(whole), maxLength);
}

/**
 * Redacts the addresses in a text. An address begins with its scheme and ends before the next blank or quotation mark.
 * The search starts at each `://`, so that the time is linear in the length of the text: a peer may send a long one.
 */
function withRedactedAddresses(text: string): string {
  let shown = '';
  let done = 0;
  for (let mark = text.indexOf('://'); mark >= 0; mark = text.indexOf('://', Math.max(done, mark + 1))) {
    const start = startOfScheme(text, mark, done);
    if (start === mark) continue;
    END_OF_ADDRESS.lastIndex = mark + 3;
    const end = END_OF_ADDRESS.exec(text)?.index ?? text.length;
    if (end === mark + 3) continue;
    shown += text.slice(done, start) + redactEndpoint(text.slice(start, end));
    done = end;
  }
  return shown + text.slice(done);
}

/** The index at which the scheme before `mark` begins, at least `from`; `mark` if there is no scheme. */
function startOfScheme(text: string, mark: number, from: number): number {
  let start = mark;
  for (let at = mark - 1; at >= from && SCHEME_CHARACTER.test(text.charAt(at)); at -= 1) {
    if (LETTER.test(text.charAt(at))) start = at;
  }
  return start;
}

/**
 * Hides the user information in front of the host. A password that contains `/`, `?` or `#` ends the authority too
 * early. The remaining authority is then not a host with a port, and everything up to the last `@` is hidden.
 */
function withoutUser(rest: string, hasScheme: boolean): string {
  const authority = /^[^/\\?#]*/.exec(rest)?.[0] ?? '';
  const isPlain = !authority.includes('@') && HOST_AND_PORT.test(authority);
  const end = isPlain ? -1 : rest.lastIndexOf('@', authority.includes('@') ? endOfUser(rest, authority) : rest.length);
  if (end < 0) return rest;
  // A bare name may have an `@` in it; only with a colon before it does it look like a user's password.
  if (!hasScheme && !rest.slice(0, end).includes(':')) return rest;
  return `${HIDDEN}${rest.slice(end)}`;
}

/** The last `@` of the authority, or a later one if the text after it does not look like a host. */
function endOfUser(rest: string, authority: string): number {
  const last = authority.lastIndexOf('@');
  return HOST_AND_PORT.test(authority.slice(last + 1)) ? last : rest.length;
}

function withoutQuery(rest: string): string {
  const start = rest.indexOf('?');
  return start < 0 ? rest : `${rest.slice(0, start + 1)}${HIDDEN}`;
}
