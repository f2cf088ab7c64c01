import type { RequestListener } from 'node:http';
import { register as defaultRegister, type Registry } from 'prom-client';
import { checkRegistry } from './check-arguments.js';

/**
 * Answers scrapes of a registry, as the listener of a `node:http` server or as a route of any HTTP framework. Methods
 * other than `GET` and `HEAD` get 405. A metric that can't be read gives 500 without the reason; the process emits the
 * reason as a warning. Throws a `TypeError` for what is no registry.
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
    // Everything is inside of the promise: nothing that a registry does may throw out of the server's listener.
    answer().catch((error: unknown) => {
      process.emitWarning(reasonOf(error));
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
}

/** Errors of another realm are errors, too; Node.js's own warnings take none of them. */
function reasonOf(error: unknown): string {
  try {
    const message = typeof error === 'object' && error !== null ? (error as Partial<Error>).message : undefined;
    return typeof message === 'string' ? message : String(error);
  } catch {
    return 'the metrics can not be read, and the reason can not be printed';
  }
}
