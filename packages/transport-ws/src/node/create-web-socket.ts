import { randomFillSync } from 'node:crypto';
import type { Agent, ClientRequest } from 'node:http';
import type { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { err, kindOf, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import { ignoreRejection } from '@entropynet/core/platform';
import { WebSocket } from '#ws';
import type { ClientOptions } from 'ws';
import { codeOf, reasonOf } from '../protocol/web-socket-errors.js';
import type { LookupFunction } from '../protocol/web-socket-options.js';
import type { WebSocketAddress } from '../protocol/web-socket-address.js';
import { SOCKET_OPTIONS, SUBPROTOCOL } from '../protocol/web-socket-protocol.js';
import { negotiationOptions } from './compression.js';
import type { Masking } from './message-envelope.js';
import { secureContextOptions, tryTls } from './tls-options.js';

/**
 * Makes a client's WebSocket, which begins to connect, with the TLS options, the agent, the socket and the addresses of
 * the configuration. `InvalidParameter`: Node.js does not accept the configuration.
 * @param masking how the WebSocket masks each message; the caller may change it later
 * @param finishRequest receives the upgrade request in place of its being sent
 */
export function createWebSocket(
  address: WebSocketAddress,
  config: ResolvedConnectionConfig,
  masking: { readonly current: Masking },
  finishRequest?: (request: ClientRequest) => void,
): Result<WebSocket> {
  const { headers, tls, agent, createConnection, lookup } = config.webSocket;
  const options = {
    ...SOCKET_OPTIONS,
    perMessageDeflate: negotiationOptions(config.webSocket.compression),
    closeTimeout: config.sendTimeoutMs,
    headers,
    generateMask: (mask: Buffer) => {
      // `ws` passes four zero bytes.
      if (masking.current === 'random') randomFillSync(mask);
    },
    ...secureContextOptions(tls),
    ...(tls !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
    ...(tls?.servername !== undefined && { servername: tls.servername }),
    ...(agent !== undefined && { agent: agent as Agent }),
    ...(createConnection !== undefined && { createConnection: checked(createConnection) as typeof connect }),
    ...(lookup !== undefined && { lookup: answering(lookup) }),
    ...(finishRequest !== undefined && { finishRequest }),
  };
  const usable = tryTls(tls);
  if (!usable.ok) return usable;
  try {
    return ok(new WebSocket(address.url, SUBPROTOCOL, options as ClientOptions));
  } catch (error) {
    const key = codeOf(error).startsWith('ERR_INVALID') ? "'webSocket.headers'" : 'the configuration';
    return err('InvalidParameter', `${key} can't be used: ${reasonOf(error)}`, error);
  }
}

/**
 * Checks the socket that a function of the program makes. Node.js would use another value as a socket, and the exception
 * of that would end the process.
 */
function checked(createConnection: (options: object) => object): (...given: [object]) => object {
  return (...given) => {
    // With no value, Node.js waits for the callback that it also passes.
    const made = createConnection(...given) as object | undefined;
    if (made !== undefined && !isStream(made)) {
      ignoreRejection(made);
      throw new TypeError(`'webSocket.createConnection' returned ${kindOf(made)}; a socket is allowed`);
    }
    return made as object;
  };
}

/**
 * Answers with the rejection of an asynchronous function that has not called `callback`, because Node.js would wait for
 * it. Only the first answer counts: at a second one, Node.js would connect again, and the exception of that would end the
 * process.
 */
function answering(lookup: (...given: Parameters<LookupFunction>) => unknown): LookupFunction {
  return (hostname, options, callback) => {
    let isAnswered = false;
    const answer: typeof callback = (...given) => {
      if (isAnswered) return;
      isAnswered = true;
      callback(...given);
    };
    void Promise.resolve(lookup(hostname, options, answer)).catch((error: unknown) => {
      if (!isAnswered) callback(error as Error, '');
    });
  };
}

function isStream(value: unknown): boolean {
  const { on, write } = (value as Partial<Duplex> | null) ?? {};
  return typeof on === 'function' && typeof write === 'function';
}
