/**
 * Values instead of bytes over EntropyNet: codecs, schemas, typed ports, request and reply.
 *
 * @packageDocumentation
 */
export { type Codec, jsonCodec } from './codec.js';
export { type MessagingConnection, toTypedPort, TypedPort, type TypedPortOptions } from './typed-port.js';
export {
  requestReply,
  RequestReply,
  type RequestConnection,
  type RequestContext,
  type RequestHandler,
  type RequestOptions,
  type RequestReplyOptions,
} from './request-reply.js';
export { MAX_METADATA_BYTES, type RequestMetadata } from './request-frame.js';
