/**
 * The loopback transport: the reference implementation for authors of transports, and a transport for tests.
 *
 * @packageDocumentation
 */
export { LOOPBACK_BACKEND, LoopbackConnection } from './loopback-connection.js';
export { LoopbackServer } from './loopback-server.js';
export { LoopbackTransport } from './loopback-transport.js';
