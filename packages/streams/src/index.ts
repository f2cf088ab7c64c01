/**
 * Turns connections into Node.js streams and web streams.
 *
 * @packageDocumentation
 */
export { ConnectionDuplex, type ConnectionDuplexOptions } from './connection-duplex.js';
export { connectDuplex, toDuplex } from './to-duplex.js';
export { StreamError, type StreamSyscall } from './stream-error.js';
export { toWebStreams, type WebStreams } from './web-streams.js';
export type { StreamConnection } from './stream-connection.js';
