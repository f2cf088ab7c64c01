import { printable } from '@entropynet/core';

/** The origin that a browser sends for a page whose scheme has no origin in URLs, such as that of an extension. */
const OTHER_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@A-Z]+$/;

/**
 * Returns the fault in the origins. Each must have the form that a browser sends: another form never matches, and the
 * server would refuse the page without a hint. The text names the value and the probable correction. Undefined if there
 * is no fault.
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
