import type { RequestListener } from 'node:http';
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
      process.emitWarning(reasonOf(error));
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
}

/** Describes a thrown value. It may be an error of another realm, which Node.js does not accept as a warning. */
function reasonOf(error: unknown): string {
  try {
    const message = typeof error === 'object' && error !== null ? (error as Partial<Error>).message : undefined;
    return typeof message === 'string' ? message : String(error);
  } catch {
    return "the metrics can't be read, and the reason can't be printed";
  }
}
