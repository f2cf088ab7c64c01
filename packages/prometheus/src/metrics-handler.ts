import type { RequestListener } from 'node:http';
import { describeThrown } from '@entropynet/core';
import { register as defaultRegister, type Registry } from 'prom-client';
import { checkRegistry } from './check-arguments.js';

/**
 * Returns a request listener that answers scrapes of a registry, for a `node:http` server or a route of an HTTP
 * framework. Methods other than `GET` and `HEAD` get the status 405. If a metric can't be read, the response is 500
 * without the reason, and the process emits the reason as a warning. Throws a `TypeError` for a value that is not a
 * registry.
 */
export function metricsHandler(register: Registry = defaultRegister): RequestListener {
  checkRegistry('metricsHandler()', register);
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const answer = async (): Promise<void> => {
      const text = await register.metrics();
      response.writeHead(200, { 'content-type': register.contentType, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    // All work is inside the promise, so that an error of a registry does not leave the server's listener.
    answer().catch((error: unknown) => {
      // A text, because Node.js accepts no error of another realm as a warning.
      process.emitWarning(describeThrown(error));
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
}
