/**
 * Sends values instead of bytes: codecs, schemas, typed ports, requests and replies.
 *
 * @packageDocumentation
 */
export { type Codec, jsonCodec } from './codec.js';
export type { MessagingConnection, RequestConnection } from './messaging-connection.js';
export { toTypedPort, TypedPort, type TypedPortOptions } from './typed-port.js';
export type { RequestContext, RequestHandler } from './answering.js';
export type { RequestOptions, RequestReplyOptions } from './request-options.js';
export { requestReply, RequestReply } from './request-reply.js';
export { MAX_METADATA_BYTES, type RequestMetadata } from './request-frame.js';
