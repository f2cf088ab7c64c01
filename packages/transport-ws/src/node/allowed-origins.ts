import { NetworkError } from '@entropynet/core';

/** What a browser sends of a page whose scheme has no origin in URLs, such as an extension's. */
const OTHER_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@A-Z]+$/;

/**
 * Checks that each value is an origin as a browser sends it: another one would never match, and the page that is meant
 * would be refused without a hint. Throws a `NetworkError` (`InvalidParameter`) that names the value and what it may be
 * meant for.
 */
export function checkAllowedOrigins(origins: readonly string[]): void {
  origins.forEach((origin, index) => {
    const expected = originMeantBy(origin);
    if (expected === origin) return;
    const hint =
      expected === undefined ? `an origin like 'https://example.com:8443' is expected` : `'${expected}' is meant`;
    throw new NetworkError(
      'InvalidParameter',
      `'webSocket.allowedOrigins[${index}]' was given ${JSON.stringify(origin)}, which no browser sends: ${hint}`,
    );
  });
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
