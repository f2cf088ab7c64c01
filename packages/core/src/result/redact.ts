import { printable } from './printable.js';

/** Longer endpoints are cut where they are shown. */
const MAX_SHOWN_ENDPOINT = 256;
const HIDDEN = '***';
const PARTS = /^([a-z][a-z0-9+.-]*:[\\/]{1,2})?(.*)$/is;
const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:@]*)(?::\d*)?$/;
/** An address inside a sentence, up to the next blank or quotation mark. */
const ADDRESSES = /[a-z][a-z0-9+.-]*:\/\/[^\s'"`<>]+/gi;

/**
 * An endpoint as it may be shown: user information and query are replaced by `***`, since they may hold
 * passwords and tokens; the rest is made printable and is cut at 256 characters. Every package shows endpoints through
 * this function, in errors, diagnostics, metrics, logs and pages.
 */
export function redactEndpoint(endpoint: string): string {
  const [, scheme = '', rest = ''] = PARTS.exec(endpoint) ?? [];
  return printable(scheme + withoutQuery(withoutUser(rest, scheme !== '')), MAX_SHOWN_ENDPOINT);
}

/** A sentence that others wrote: its addresses are redacted as by `redactEndpoint`, and the whole is made printable. */
export function redactText(text: unknown, maxLength?: number): string {
  const whole = typeof text === 'string' ? text : printable(text, Number.MAX_SAFE_INTEGER);
  return printable(
    whole.replace(ADDRESSES, (address) => redactEndpoint(address)),
    maxLength,
  );
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
