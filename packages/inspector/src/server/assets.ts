import { timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';

/** Where the build puts the page. */
const FOLDER = new URL('../page/', import.meta.url);

/** All there is, by path. */
const FILES: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  '/': { name: 'index.html', type: 'text/html' },
  '/page.js': { name: 'page.js', type: 'text/javascript' },
  '/page.css': { name: 'page.css', type: 'text/css' },
};

/** Nothing from elsewhere: the page talks to this server alone. */
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

/** Serves the page to whoever has the token and asked this machine by its own name. */
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
    // A name that resolves to this machine may be anyone's: DNS rebinding.
    if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '')) {
      refuse(403, 'Open the page at 127.0.0.1.');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(405, 'Only GET.');
      return;
    }
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const file = FILES[url.pathname];
    if (file === undefined) refuse(404, `There is only ${Object.keys(FILES).join(', ')}.`);
    // Program and style are in the package for everyone to read; what they show comes with the token alone.
    else if (url.pathname === '/' && !isToken(url.searchParams.get('token') ?? ''))
      refuse(403, 'The token is missing or wrong: use the whole address that was printed.');
    else {
      response.writeHead(200, {
        'content-type': `${file.type}; charset=utf-8`,
        'content-security-policy': POLICY,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      });
      response.end(request.method === 'HEAD' ? undefined : readFileSync(new URL(file.name, FOLDER)));
    }
  };
}
