import type { RequestListener } from 'node:http';
import { register as defaultRegister, type Registry } from 'prom-client';

/**
 * Answers scrapes of a registry: for `node:http`, or as a route of whatever serves HTTP already. Anything but `GET` and
 * `HEAD` is refused with 405; a metric that can't be read gives 500, without its reason, which is the process's to warn of.
 */
export function metricsHandler(register: Registry = defaultRegister): RequestListener {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    register.metrics().then(
      (text) => {
        response.writeHead(200, { 'content-type': register.contentType, 'cache-control': 'no-store' });
        response.end(request.method === 'HEAD' ? undefined : text);
      },
      (error: unknown) => {
        process.emitWarning(error instanceof Error ? error : String(error));
        response.writeHead(500).end();
      },
    );
  };
}
