import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { type StreamConnection, toDuplex } from '@entropynet/streams';
import { serveHttp } from '@entropynet/streams/http';
import { Aedes } from 'aedes';
import rpc from 'vscode-jsonrpc/node';

/** Serves each connection that a server accepts. */
type Serve = (accepted: AsyncIterable<StreamConnection>) => Promise<void>;

/** The kinds of a server process. Each gets the last argument of the process. */
export const SERVICES = {
  /** HTTP/1.1: `/echo` sends the body back, `/unanswered` is only reported to the parent, all else is answered with the argument. */
  http: (argument: string): Promise<Serve> => {
    const server = http.createServer((request, response) => {
      if (request.url === '/echo') pipeline(request, response, () => undefined);
      else if (request.url === '/unanswered' && argument !== 'second') {
        response.once('close', () => process.send?.('given up'));
        process.send?.('unanswered');
      } else response.end(argument);
    });
    return Promise.resolve((accepted) => serveHttp(server, accepted));
  },

  /** HTTP/2: `/echo` sends the body back, `/unanswered` is only reported to the parent. */
  http2: (): Promise<Serve> => {
    const server = http2.createServer();
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      if (headers[':path'] === '/unanswered') {
        process.send?.('unanswered');
        return;
      }
      stream.respond({ ':status': 200, 'x-length': headers['content-length'] ?? 'unknown' });
      pipeline(stream, stream, () => undefined);
    });
    return eachStream((stream) => server.emit('connection', stream));
  },

  /** An MQTT broker. */
  mqtt: async (): Promise<Serve> => {
    const broker = await Aedes.createBroker();
    return eachStream((stream) => broker.handle(stream));
  },

  /** JSON-RPC in the form of language servers: `add` and `fail` are requests. A notification `told` answers `tell`. */
  'json-rpc': (): Promise<Serve> =>
    eachStream((stream) => {
      const connection = rpc.createMessageConnection(
        new rpc.StreamMessageReader(stream),
        new rpc.StreamMessageWriter(stream),
      );
      connection.onError(() => undefined);
      connection.onRequest('add', (a: number, b: number) => a + b);
      connection.onRequest('fail', () => new rpc.ResponseError(7, 'as planned'));
      connection.onNotification('tell', (text: string) => void connection.sendNotification('told', text));
      connection.onNotification('leave', () => {
        connection.end();
      });
      connection.onClose(() => process.send?.('closed'));
      connection.listen();
    }),

  /** Hands the bytes of each connection to a server on a Unix socket, whose path is the argument, and back. */
  gateway: (path: string): Promise<Serve> =>
    eachStream((stream) => {
      // Half-open: a socket that ends by itself would be a destination that closed too early.
      const socket = net.connect({ path, allowHalfOpen: true });
      pipeline(stream, socket, () => undefined);
      pipeline(socket, stream, () => undefined);
    }),
} as const satisfies Record<string, (argument: string) => Promise<Serve>>;

/** The name of a service. */
export type ServiceName = keyof typeof SERVICES;

function eachStream(serve: (stream: Duplex) => unknown): Promise<Serve> {
  return Promise.resolve(async (accepted) => {
    for await (const connection of accepted) {
      const stream = toDuplex(connection, { ownsConnection: true });
      stream.on('error', () => undefined);
      serve(stream);
    }
  });
}
