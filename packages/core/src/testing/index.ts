/**
 * What authors of transports test with: the loopback transport, which is the reference implementation, and the types of
 * the conformance suite's fixture.
 *
 * @packageDocumentation
 */
export { LOOPBACK_BACKEND, LoopbackConnection } from './loopback-connection.js';
export { LoopbackServer } from './loopback-server.js';
export { LoopbackTransport } from './loopback-transport.js';
export type { TransportFixture } from './transport-fixture.js';
