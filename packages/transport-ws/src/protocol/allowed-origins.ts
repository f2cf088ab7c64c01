import { printable } from '@entropynet/core';

/** What a browser sends of a page whose scheme has no origin in URLs, such as an extension's. */
const OTHER_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@A-Z]+$/;

/**
 * What is wrong with the origins, of which each has to be as a browser sends it: another one would never match, and the page
 * that is meant would be refused without a hint. Names the value and what it may be meant for; undefined where nothing is wrong.
 */
export function faultOfOrigins(origins: readonly string[]): string | undefined {
  for (const [index, origin] of origins.entries()) {
    const expected = originMeantBy(origin);
    if (expected === origin) continue;
    const hint =
      expected === undefined
        ? `an origin like 'https://example.com:8443' is expected`
        : `'${printable(expected)}' is meant`;
    return `'webSocket.allowedOrigins[${index}]' was given ${JSON.stringify(printable(origin))}, which no browser sends: ${hint}`;
  }
  return undefined;
}

function originMeantBy(text: string): string | undefined {
  // Sandboxed frames and files send it.
  if (text === 'null') return text;
  if (!URL.canParse(text)) return undefined;
  const { origin, protocol, host } = new URL(text);
  if (origin !== 'null') return /^https?:$/.test(protocol) ? origin : undefined;
  if (OTHER_ORIGIN.test(text)) return text;
  return host === '' ? undefined : `${protocol}//${host.toLowerCase()}`;
}
