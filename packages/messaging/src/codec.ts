import { err, NetworkError, ok, type Result } from '@entropynet/core';
import type { StandardSchemaV1 } from '@standard-schema/spec';

/** Turns values into bytes and back. Both may throw; what they throw becomes the cause of an `InvalidMessage`. */
export interface Codec {
  /** For messages to people, such as `JSON`. */
  readonly name: string;
  /** The bytes are the caller's. */
  encode(value: unknown): Uint8Array;
  /** The bytes may be used by the value that is returned. */
  decode(bytes: Uint8Array): unknown;
}

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true });

/** JSON in UTF-8: what `JSON.stringify` can say. A value that it can't, such as `undefined`, is not sent. */
export function jsonCodec(): Codec {
  return {
    name: 'JSON',
    encode(value) {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError(`JSON has no text for ${typeof value}`);
      return encoder.encode(text);
    },
    decode: (bytes): unknown => JSON.parse(decoder.decode(bytes)),
  };
}

/** The bytes of a value; `InvalidMessage` where the codec has none for it. */
export function encodeWith(codec: Codec, value: unknown): Result<Uint8Array> {
  try {
    return ok(codec.encode(value));
  } catch (error) {
    return err('InvalidMessage', `the value can't be sent as ${codec.name}: ${reasonOf(error)}`, error);
  }
}

/** The value of bytes, as the schema gives it; `InvalidMessage` where they have none, or not such a one. */
export async function decodeWith<T>(
  codec: Codec,
  schema: StandardSchemaV1<unknown, T> | undefined,
  bytes: Uint8Array,
): Promise<Result<T>> {
  try {
    const value = codec.decode(bytes);
    if (schema === undefined) return ok(value as T);
    const checked = await schema['~standard'].validate(value);
    if (checked.issues === undefined) return ok(checked.value);
    const issues = checked.issues.map(({ path, message }) => {
      const where = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
      return where === '' ? message : `${where}: ${message}`;
    });
    return err('InvalidMessage', `a value does not fit the schema: ${issues.join('; ')}`, checked.issues);
  } catch (error) {
    return err('InvalidMessage', `${bytes.length} bytes are not ${codec.name}: ${reasonOf(error)}`, error);
  }
}

/** What an unknown thrown value says; an error of another realm is one, too. */
export function reasonOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null ? (error as Partial<Error>).message : undefined;
  return typeof message === 'string' ? message : String(error);
}

/** An unknown thrown value as an error of this package. */
export function asNetworkError(error: unknown): NetworkError {
  return error instanceof NetworkError ? error : new NetworkError('CallbackFailed', reasonOf(error), error);
}
