/**
 * EntropyNet connections as streams of bytes.
 *
 * @packageDocumentation
 */
export { ConnectionDuplex, type ConnectionDuplexOptions, toDuplex } from './connection-duplex.js';
export { toWebStreams, type WebStreams } from './web-streams.js';
export type { StreamConnection } from './stream-connection.js';
