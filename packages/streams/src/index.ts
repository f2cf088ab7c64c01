/**
 * EntropyNet connections as streams of bytes.
 *
 * @packageDocumentation
 */
export { ConnectionDuplex, type ConnectionDuplexOptions } from './connection-duplex.js';
export { connectDuplex, toDuplex } from './to-duplex.js';
export { StreamError, type StreamSyscall } from './stream-error.js';
export { toWebStreams, type WebStreams } from './web-streams.js';
export type { StreamConnection } from './stream-connection.js';
