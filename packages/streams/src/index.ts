/**
 * Turns connections into Node.js streams and web streams.
 *
 * @packageDocumentation
 */
export { ConnectionDuplex } from './connection-duplex.js';
export type { ConnectionDuplexOptions } from './duplex-options.js';
export { connectDuplex, toDuplex } from './to-duplex.js';
export { StreamError, type StreamSyscall } from './stream-error.js';
export { toWebStreams, type WebStreams } from './web-streams.js';
export type { StreamConnection } from './stream-connection.js';
