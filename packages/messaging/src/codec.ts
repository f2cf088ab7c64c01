import {
  describeThrown,
  err,
  kindOf,
  messageBytes,
  NetworkError,
  ok,
  type OptionKind,
  printable,
  type Result,
} from '@entropynet/core';
import { ignoreRejection, isThenable } from '@entropynet/core/platform';
import type { StandardSchemaV1 } from '@standard-schema/spec';

/** Converts values to bytes and back. Both methods may throw; the error becomes the cause of an `InvalidMessage`. */
export interface Codec {
  /** The name for error messages, such as `JSON`. */
  readonly name: string;
  /** Converts a value to bytes. The caller owns the bytes. */
  encode(value: unknown): Uint8Array;
  /** Converts bytes to a value. The value may refer to the bytes. It may not be a promise. */
  decode(bytes: Uint8Array): unknown;
}

/** The kind of an option that is a codec. */
export const CODEC: OptionKind = [
  'a codec with encode() and decode()',
  (value: unknown): boolean => {
    const { encode, decode } = (value as Partial<Codec> | null) ?? {};
    return typeof encode === 'function' && typeof decode === 'function';
  },
];

/** The kind of an option that is a schema. The schemas of some libraries are functions. */
export const SCHEMA: OptionKind = [
  'a Standard Schema, such as one of zod or valibot,',
  (value: unknown): boolean => {
    const standard = (value as Partial<StandardSchemaV1> | null)?.['~standard'];
    return typeof standard?.validate === 'function';
  },
];

/** The largest number of characters of a sentence that quotes a peer's value. */
const MOST_SHOWN = 2000;

const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Returns a codec for JSON in UTF-8. Sending a value that JSON does not have, such as `undefined`, returns
 * `InvalidMessage`.
 */
export function jsonCodec(): Codec {
  return {
    name: 'JSON',
    encode(value) {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError(`JSON has no text for ${kindOf(value)}`);
      return encoder.encode(text);
    },
    decode: (bytes): unknown => JSON.parse(decoder.decode(bytes)),
  };
}

/** Encodes a value. `InvalidMessage`: the codec can't encode it. */
export function encodeWith(codec: Codec, value: unknown): Result<Uint8Array> {
  try {
    const bytes: unknown = codec.encode(value);
    if (!isBytes(bytes)) {
      ignoreRejection(bytes);
      throw new TypeError(`its encode() returned ${kindOf(bytes)} instead of a Uint8Array`);
    }
    return ok(messageBytes(bytes));
  } catch (error) {
    return err('InvalidMessage', `the value can't be sent as ${nameOf(codec)}: ${describeThrown(error)}`, error);
  }
}

/** Encodes a handler's reply. If the codec can't encode `undefined`, the result has no bytes. */
export function encodeReply(codec: Codec, value: unknown): Result<Uint8Array> {
  const encoded = encodeWith(codec, value);
  return encoded.ok || value !== undefined ? encoded : ok(NO_BYTES);
}

/** Decodes bytes and checks the value with the schema. `InvalidMessage`: one of the two fails. */
export async function decodeWith<T>(
  codec: Codec,
  schema: StandardSchemaV1<unknown, T> | undefined,
  bytes: Uint8Array,
): Promise<Result<T>> {
  let value: unknown;
  try {
    value = decodedBy(codec, bytes);
  } catch (error) {
    const sentence = `${bytes.length} bytes are not ${nameOf(codec)}: ${shown(describeThrown(error))}`;
    return err('InvalidMessage', sentence, error);
  }
  return checkWith(schema, value);
}

/** Decodes a reply. No bytes mean `undefined` if the codec can't decode them. */
export async function decodeReply<T>(
  codec: Codec,
  schema: StandardSchemaV1<unknown, T> | undefined,
  bytes: Uint8Array,
): Promise<Result<T>> {
  if (bytes.length > 0) return decodeWith(codec, schema, bytes);
  let value: unknown;
  try {
    value = decodedBy(codec, bytes);
  } catch {
    value = undefined;
  }
  return checkWith(schema, value);
}

/** Decodes bytes. Throws for a promise: a schema would check the promise, and nothing would handle its rejection. */
function decodedBy(codec: Codec, bytes: Uint8Array): unknown {
  const value = codec.decode(bytes);
  if (!isThenable(value)) return value;
  ignoreRejection(value);
  throw new TypeError(`its decode() returned ${kindOf(value)}; it must return the value`);
}

async function checkWith<T>(schema: StandardSchemaV1<unknown, T> | undefined, value: unknown): Promise<Result<T>> {
  if (schema === undefined) return { ok: true, value: value as T };
  try {
    const checked = await schema['~standard'].validate(value);
    if (checked.issues === undefined) return { ok: true, value: checked.value };
    const issues = checked.issues.map(({ path, message }) => {
      const where = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
      return where === '' ? message : `${where}: ${message}`;
    });
    return err('InvalidMessage', `a value does not fit the schema: ${shown(issues.join('; '))}`, checked.issues);
  } catch (error) {
    return err('InvalidMessage', `the schema failed: ${shown(describeThrown(error))}`, error);
  }
}

/** Returns the name for an error message. A codec of the program may have any value there, or a getter that throws. */
function nameOf(codec: Codec): string {
  try {
    return printable(codec.name);
  } catch {
    return 'a value of its codec';
  }
}

/** Makes a sentence about a peer's value printable: it quotes the value, and may be as long as a message. */
function shown(sentence: string): string {
  return printable(sentence, MOST_SHOWN);
}

/** Checks the shape and not the class, because the bytes may come from another realm. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Partial<Uint8Array>).BYTES_PER_ELEMENT === 1;
}

/** Returns an unknown thrown value as an error of this package. */
export function asNetworkError(error: unknown): NetworkError {
  return error instanceof NetworkError ? error : new NetworkError('CallbackFailed', describeThrown(error), error);
}
