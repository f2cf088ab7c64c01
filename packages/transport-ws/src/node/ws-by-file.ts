import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as ws from 'ws';

/*
 * Loads the library `ws` in Bun by its file. Under the name `ws`, Bun has its own module, whose sockets can't be
 * accessed. The library itself works in Bun.
 */
const load = createRequire(import.meta.url);
const library = load(join(dirname(load.resolve('ws/package.json')), 'index.js')) as typeof ws;

export const { WebSocket, WebSocketServer } = library;
