import { printable } from './printable.js';

/** Longer endpoints are cut where they are shown. */
const MAX_SHOWN_ENDPOINT = 256;
const HIDDEN = '***';
const PARTS = /^([a-z][a-z0-9+.-]*:[\\/]{1,2})?(.*)$/is;
const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:@]*)(?::\d*)?$/;
const LETTER = /[a-z]/i;
const SCHEME_CHARACTER = /[a-z0-9+.-]/i;
const END_OF_ADDRESS = /[\s'"`<>]|$/g;

/**
 * An endpoint as it may be shown: user information and query are replaced by `***`, since they may hold
 * passwords and tokens; the rest is made printable and is cut at 256 characters. Every package shows endpoints through
 * this function, in errors, diagnostics, metrics, logs and pages.
 */
export function redactEndpoint(endpoint: string): string {
  if (typeof endpoint !== 'string') return printable(endpoint, MAX_SHOWN_ENDPOINT);
  const [, scheme = '', rest = ''] = PARTS.exec(endpoint) ?? [];
  return printable(scheme + withoutQuery(withoutUser(rest, scheme !== '')), MAX_SHOWN_ENDPOINT);
}

/** A sentence that others wrote: its addresses are redacted as by `redactEndpoint`, and the whole is made printable. */
export function redactText(text: unknown, maxLength?: number): string {
  const whole = typeof text === 'string' ? text : printable(text, Number.MAX_SAFE_INTEGER);
  return printable(withRedactedAddresses(whole), maxLength);
}

/**
 * An address inside a sentence begins with its scheme and ends before the next blank or quotation mark. Looked for from
 * its `://`, so that the time grows with the length of the text alone: the text may be a peer's, and long.
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

/** Where the scheme before `mark` begins, not before `from`; `mark` itself where there is none. */
function startOfScheme(text: string, mark: number, from: number): number {
  let start = mark;
  for (let at = mark - 1; at >= from && SCHEME_CHARACTER.test(text.charAt(at)); at -= 1) {
    if (LETTER.test(text.charAt(at))) start = at;
  }
  return start;
}

/**
 * Hides what stands before the host. A password with a `/`, `?` or `#` in it ends the authority too early; what is then
 * left is no host with a port, and everything up to the last `@` is hidden.
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

/** The last `@` of the authority; a later one counts where the authority's own host does not look like one. */
function endOfUser(rest: string, authority: string): number {
  const last = authority.lastIndexOf('@');
  return HOST_AND_PORT.test(authority.slice(last + 1)) ? last : rest.length;
}

function withoutQuery(rest: string): string {
  const start = rest.indexOf('?');
  return start < 0 ? rest : `${rest.slice(0, start + 1)}${HIDDEN}`;
}
