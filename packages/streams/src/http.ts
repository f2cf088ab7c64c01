/**
 * HTTP over EntropyNet connections: an agent for `node:http`, a connector for undici, and a loop for an `http.Server`.
 *
 * @packageDocumentation
 */
import { Agent, type AgentOptions, type ClientRequestArgs, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkConnection, describeThrown, kindOf, NetworkError, type Result, unwrap } from '@entropynet/core';
import { startTurn, warnOf } from '@entropynet/core/platform';
import type { ConnectionDuplex } from './connection-duplex.js';
import { SocketLikeDuplex, SocketState } from './socket-like-duplex.js';
import type { StreamConnection } from './stream-connection.js';
import { asError, StreamError } from './stream-error.js';
import { connectDuplex, toDuplex } from './to-duplex.js';

/**
 * Returns a new connection or handle for a stream, not connected yet, such as the result of
 * `manager.openConnection(…)`. The stream owns it and closes it.
 */
export type OpenConnection<O> = (options: O) => StreamConnection | Result<StreamConnection>;

/** An agent whose sockets are streams over EntropyNet. Use it as the option `agent` of `node:http`. */
export class ConnectionAgent extends Agent {
  readonly #open: OpenConnection<ClientRequestArgs>;

  /**
   * @param open is called for each new socket, with the request's options
   * @param options the options of `http.Agent`: `keepAlive`, `maxSockets` …
   */
  constructor(open: OpenConnection<ClientRequestArgs>, options: AgentOptions = {}) {
    super(options);
    checkOpen('ConnectionAgent', open);
    this.#open = open;
  }

  /**
   * Makes a socket. Node.js calls it, also for a waiting request when an earlier socket closes. It must not throw there,
   * so a socket that can't be opened fails like one whose server refuses it.
   */
  override createConnection(options: ClientRequestArgs): Duplex {
    try {
      return openStream(this.#open, options);
    } catch (error) {
      return new FailedSocket(connectErrorOf(error));
    }
  }
}

/** A socket that was never opened. It fails after this turn, when Node.js listens to it. */
class FailedSocket extends SocketLikeDuplex {
  constructor(error: Error) {
    const construct = (callback: (error: Error) => void): void => {
      startTurn(() => {
        callback(error);
      });
    };
    super({ construct }, { ref: ignore, unref: ignore }, new SocketState());
  }
}

function ignore(): void {
  // No connection keeps the process alive.
}

/** The origin that undici connects to. */
export interface ConnectorOptions {
  /** The host of the origin. */
  readonly hostname: string;
  /** Its port. Absent or empty for the default port of the protocol. */
  readonly port?: string;
  /** Its protocol, such as `http:`. */
  readonly protocol?: string;
}

/**
 * The function that undici calls for each new socket. The socket is a `ConnectionDuplex`. The types of undici require a
 * `Socket`; the stream has all members of it that undici uses.
 */
export type Connector = (
  options: ConnectorOptions,
  callback: (...outcome: [error: null, socket: Socket] | [error: Error, socket: null]) => void,
) => void;

/** Returns a function for the option `connect` of undici's `Client`, `Pool` and `Agent`. */
export function undiciConnector(open: OpenConnection<ConnectorOptions>): Connector {
  checkOpen('undiciConnector()', open);
  return (options, callback) => {
    let socket: ConnectionDuplex;
    try {
      socket = openStream(open, options);
    } catch (error) {
      callback(connectErrorOf(error), null);
      return;
    }
    const onError = (error: Error): void => {
      callback(error, null);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.off('error', onError);
      callback(null, socket as unknown as Socket);
    });
  };
}

/**
 * Serves HTTP on every connection that a server accepts. Each connection belongs to its stream, which closes it. If a
 * connection has another consumer, or a `connection` listener throws, the function closes that connection and emits a
 * warning of the process. The others continue.
 * @param accepted a `ManagedServer` or another source of accepted connections
 * @returns a promise that resolves when the server is closed
 */
export async function serveHttp(httpServer: Server, accepted: AsyncIterable<StreamConnection>): Promise<void> {
  const { emit } = (httpServer as Partial<Server> | null | undefined) ?? {};
  if (typeof emit !== 'function')
    throw new TypeError(`serveHttp() takes an http.Server; ${kindOf(httpServer)} was given`);
  const { [Symbol.asyncIterator]: iterate } = (accepted as Partial<typeof accepted> | null | undefined) ?? {};
  if (typeof iterate !== 'function') {
    throw new TypeError(`serveHttp() takes a server whose connections it accepts; ${kindOf(accepted)} was given`);
  }
  for await (const connection of accepted) {
    checkConnection('serveHttp()', connection);
    let stream: ConnectionDuplex | undefined;
    try {
      stream = toDuplex(connection, { ownsConnection: true });
      httpServer.emit('connection', stream);
    } catch (error) {
      warnOf(
        new NetworkError(
          'CallbackFailed',
          `a connection could not be served over HTTP: ${describeThrown(error)}`,
          error,
        ),
      );
      if (stream === undefined) void connection[Symbol.asyncDispose]();
      else stream.destroy();
    }
  }
}

function checkOpen(what: string, open: unknown): void {
  if (typeof open === 'function') return;
  throw new TypeError(`${what} takes a function that opens connections; ${kindOf(open)} was given`);
}

function openStream<O>(open: OpenConnection<O>, options: O): ConnectionDuplex {
  const opened = open(options);
  const isResult = typeof (opened as Partial<Result> | null | undefined)?.ok === 'boolean';
  const connection = isResult ? unwrap(opened as Result<StreamConnection>) : (opened as StreamConnection);
  checkConnection('a stream', connection);
  try {
    return connectDuplex(connection, { ownsConnection: true });
  } catch (error) {
    // There is no stream that would close it.
    void connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** Returns the error of a socket that could not be opened. The program's function may have thrown any value. */
function connectErrorOf(error: unknown): Error {
  return error instanceof NetworkError ? new StreamError(error, 'connect') : asError(error);
}
