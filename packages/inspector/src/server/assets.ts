import { timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { debugLog, describeThrown, shortageOf } from '@entropynet/core';

const log = debugLog('inspector');

/** The folder in which the build puts the page. */
const FOLDER = new URL('../page/', import.meta.url);

/** Every file of the page, by the path of its request. */
const FILES: ReadonlyMap<string, { readonly name: string; readonly type: string }> = new Map([
  ['/', { name: 'index.html', type: 'text/html' }],
  ['/page.js', { name: 'page.js', type: 'text/javascript' }],
  ['/page.css', { name: 'page.css', type: 'text/css' }],
]);

/** The policy allows no other origin: the page talks only to this server. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:*",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves the page. It is the same for every reader and contains no data, because the feed behind it requires the token.
 * The listener also checks a token in the address, so that a mistyped address gets a sentence. A reload has no token in
 * its address, because the page has stored it and removed it from there.
 *
 * The listener never throws for any request, because that would be an uncaught exception of the program.
 */
export function serveAssets(token: string): RequestListener {
  const expected = Buffer.from(token);
  const isToken = (given: string): boolean => {
    const bytes = Buffer.from(given);
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  };
  return (request, response) => {
    const refuse = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    };
    // An attacker can make any name resolve to this machine (DNS rebinding).
    if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '')) {
      refuse(403, 'Open the page at 127.0.0.1.');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(405, 'Only GET.');
      return;
    }
    // Split by hand, because a URL parser throws for targets such as `//`, and the client chooses the target.
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const file = FILES.get(path);
    if (file === undefined) {
      refuse(404, `There is only ${[...FILES.keys()].join(', ')}.`);
      return;
    }
    const given = new URLSearchParams(query).get('token');
    if (given !== null && !isToken(given)) {
      refuse(403, 'The token is missing or wrong: use the whole address that was printed.');
      return;
    }
    const content = contentOf(file.name);
    if (typeof content === 'string') {
      refuse(500, content);
      return;
    }
    response.writeHead(200, {
      'content-type': `${file.type}; charset=utf-8`,
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : content);
  };
}

/** Returns the bytes of a file, or a sentence with the reason why it can't be read. */
function contentOf(name: string): Buffer | string {
  try {
    return readFileSync(new URL(name, FOLDER));
  } catch (error) {
    const reason = describeThrown(error);
    log(() => `${name} can't be read: ${reason}`);
    const { code } = (error ?? {}) as { readonly code?: unknown };
    return code === 'ENOENT'
      ? `The page's file ${name} is missing: build or install the package again.`
      : `The inspector can't read the page's file ${name}: ${shortageOf(error) ?? reason}.`;
  }
}
