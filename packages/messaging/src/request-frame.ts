import { kindOf, NetworkError, type NetworkErrorCode, printable, redactText } from '@entropynet/core';
import { entriesIn, isDictionary } from '@entropynet/core/platform';

/** The first byte of a message. The request's number follows as four bytes, little-endian, then the rest. */
export const RequestFrame = {
  /** A request; the rest is its value. */
  Request: 1,
  /** The reply; the rest is its value, or empty for `undefined`. */
  Reply: 2,
  /** There is no reply: a byte of `REASONS`, then a sentence in UTF-8. */
  Failure: 3,
  /** The requester no longer wants a reply. */
  Cancel: 4,
  /** The metadata of the request of that number, which is the next message: an object of texts as JSON, in UTF-8. */
  Metadata: 5,
} as const;

/** The length of a frame before its rest, in bytes. */
const HEADER_BYTES = 5;
/** The longest sentence of a `Failure`. The sender cuts longer ones, and so does the receiver. */
const MAX_SENTENCE_BYTES = 2000;
const NO_BYTES = new Uint8Array(0);

/** The largest length of a request's metadata as JSON, in bytes. */
export const MAX_METADATA_BYTES = 8192;

/** The metadata of a request: names and texts, like headers. */
export type RequestMetadata = Readonly<Record<string, string>>;

/** The metadata of a request without any. */
export const NO_METADATA: RequestMetadata = Object.freeze({});

/** The reasons for a failure, by their byte. A peer of an earlier release reads an unknown byte as the first reason. */
const REASONS: readonly NetworkErrorCode[] = [
  'CallbackFailed',
  'NotSupported',
  'ResourceLimitExceeded',
  'InvalidMessage',
  'MessageTooLarge',
  'ConnectionClosed',
];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Makes a message of the protocol. */
export function frameOf(type: number, id: number, rest: Uint8Array = NO_BYTES): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + rest.length);
  frame[0] = type;
  new DataView(frame.buffer).setUint32(1, id, true);
  frame.set(rest, HEADER_BYTES);
  return frame;
}

/** Returns type, number and rest, which is a view of the message; undefined for a message of another protocol. */
export function parseFrame(message: Uint8Array): { type: number; id: number; rest: Uint8Array } | undefined {
  const type = message[0] ?? 0;
  if (message.length < HEADER_BYTES || type < RequestFrame.Request || type > RequestFrame.Metadata) return undefined;
  const id = new DataView(message.buffer, message.byteOffset).getUint32(1, true);
  return { type, id, rest: message.subarray(HEADER_BYTES) };
}

/** Returns the contents of a `Metadata` frame, or a sentence with the reason why it can't be sent. */
export function encodeMetadata(metadata: RequestMetadata): Uint8Array | string {
  const given: unknown = metadata;
  // The entries of a `Map` or of `Headers` are no properties, so nothing of them would be sent.
  const entries = isDictionary(given) ? entriesIn(given) : undefined;
  if (entries === undefined) return `metadata is a readable object with texts; ${kindOf(given)} was given`;
  const wrong = entries.find(([, text]) => typeof text !== 'string');
  if (wrong !== undefined) return `metadata has texts; "${printable(wrong[0])}" was given ${kindOf(wrong[1])}`;
  // A copy: a class may have a method `toJSON`, and a getter may return something else the next time.
  const bytes = encoder.encode(JSON.stringify(Object.fromEntries(entries)));
  if (bytes.length <= MAX_METADATA_BYTES) return bytes;
  return `metadata has at most ${MAX_METADATA_BYTES} bytes as JSON; ${bytes.length} were given`;
}

/** Returns the metadata in a `Metadata` frame; nothing if it is not an object of texts. */
export function decodeMetadata(rest: Uint8Array): RequestMetadata {
  if (rest.length > MAX_METADATA_BYTES) return NO_METADATA;
  try {
    const value: unknown = JSON.parse(decoder.decode(rest));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return NO_METADATA;
    const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    // Without a prototype, because the peer chose the names.
    return Object.freeze(Object.assign(Object.create(null) as object, Object.fromEntries(entries)));
  } catch {
    return NO_METADATA;
  }
}

/** Makes a `Failure`. It goes to another process, so the function removes passwords from addresses in the sentence. */
export function failureFrame(id: number, error: NetworkError): Uint8Array {
  const rest = new Uint8Array(1 + MAX_SENTENCE_BYTES);
  rest[0] = Math.max(0, REASONS.indexOf(error.code));
  const { written } = encoder.encodeInto(redactText(error.message, MAX_SENTENCE_BYTES), rest.subarray(1));
  return frameOf(RequestFrame.Failure, id, rest.subarray(0, 1 + written));
}

/** Returns the error in a `Failure`. */
export function decodeFailure(rest: Uint8Array): NetworkError {
  const code = REASONS[rest[0] ?? 0] ?? 'CallbackFailed';
  const sentence = printable(decoder.decode(rest.subarray(1, 1 + MAX_SENTENCE_BYTES)), MAX_SENTENCE_BYTES);
  return new NetworkError(code, `the peer did not reply: ${sentence}`);
}
