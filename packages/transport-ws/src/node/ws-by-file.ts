import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as ws from 'ws';

/*
 * The library `ws` in Bun, which puts a module of its own in the place of that name: one whose sockets can't be reached. The
 * library itself works there, by its file.
 */
const load = createRequire(import.meta.url);
const library = load(join(dirname(load.resolve('ws/package.json')), 'index.js')) as typeof ws;

export const { WebSocket, WebSocketServer } = library;
