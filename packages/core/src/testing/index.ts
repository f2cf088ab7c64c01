/**
 * What authors of transports look at: the loopback transport, which is the reference implementation.
 *
 * @packageDocumentation
 */
export { LOOPBACK_BACKEND, LoopbackConnection } from './loopback-connection.js';
export { LoopbackServer } from './loopback-server.js';
export { LoopbackTransport } from './loopback-transport.js';
