import { createServer } from 'node:http';
import { type ConnectionConfig, createNetworking, unwrap } from 'entropynet';
import { serveHttp } from '@entropynet/streams/http';

// An ordinary HTTP server, which listens nowhere: its sockets are connections of EntropyNet.
const http = createServer((request, response) => {
  if (request.method === 'POST') request.pipe(response);
  else response.end(`${request.method ?? ''} ${request.url ?? ''} answered by process ${process.pid}\n`);
});

const [configText = ''] = process.argv.slice(2);
const networking = await createNetworking({ log: () => undefined });
const server = unwrap(networking.manager.createServer(JSON.parse(configText) as ConnectionConfig));
unwrap(await server.listen());
// Without the parent there is nobody to serve.
process.once('disconnect', () => void networking.close());
process.send?.(server.addresses());
await serveHttp(http, server);
