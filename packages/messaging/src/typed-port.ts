import type { NetworkConnection, NetworkError, Result } from '@entropynet/core';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Codec, decodeWith, encodeWith, jsonCodec } from './codec.js';

/** What a port needs of a connection: a `NetworkConnection` or a `ConnectionHandle`. */
export type MessagingConnection = Pick<
  NetworkConnection,
  'messages' | 'send' | 'trySend' | 'openChannel' | 'sendOnChannel' | 'trySendOnChannel'
>;

/** Options of `toTypedPort`. */
export interface TypedPortOptions<In> {
  /** @default JSON */
  readonly codec?: Codec;
  /** What comes in is checked by it, and is what it returns: zod, valibot, arktype and others offer this interface. */
  readonly schema?: StandardSchemaV1<unknown, In>;
  /** A named channel, to be opened before anything is sent. @default the default channel */
  readonly channel?: string;
  /** Told of what comes in and is no value, or none that fits the schema: it is left out and the connection goes on. */
  readonly onInvalid?: (error: NetworkError) => void;
}

/**
 * Values over a connection instead of bytes. One port a channel: iterating takes the channel's messages.
 * @typeParam In what comes in
 * @typeParam Out what is sent
 */
export function toTypedPort<In = unknown, Out = In>(
  connection: MessagingConnection,
  options: TypedPortOptions<In> = {},
): TypedPort<In, Out> {
  return new TypedPort(connection, options);
}

/** What `toTypedPort` returns. */
export class TypedPort<In = unknown, Out = In> {
  readonly #connection: MessagingConnection;
  readonly #codec: Codec;
  readonly #options: TypedPortOptions<In>;

  constructor(connection: MessagingConnection, options: TypedPortOptions<In> = {}) {
    this.#connection = connection;
    this.#codec = options.codec ?? jsonCodec();
    this.#options = options;
  }

  /** As the connection's `send`; `InvalidMessage` where the codec can't say the value. */
  async send(value: Out, options?: { signal?: AbortSignal }): Promise<Result> {
    const bytes = encodeWith(this.#codec, value);
    if (!bytes.ok) return bytes;
    const { channel } = this.#options;
    return channel === undefined
      ? this.#connection.send(bytes.value, options)
      : this.#connection.sendOnChannel(channel, bytes.value, options);
  }

  /** As the connection's `trySend`; `InvalidMessage` where the codec can't say the value. */
  trySend(value: Out): Result {
    const bytes = encodeWith(this.#codec, value);
    if (!bytes.ok) return bytes;
    const { channel } = this.#options;
    return channel === undefined
      ? this.#connection.trySend(bytes.value)
      : this.#connection.trySendOnChannel(channel, bytes.value);
  }

  /** The values that come in; ends and fails as the connection's `messages()` does. */
  async *values(options?: { signal?: AbortSignal }): AsyncGenerator<In, undefined> {
    const { channel, schema, onInvalid } = this.#options;
    const messages = this.#connection.messages({ signal: options?.signal, ...(channel !== undefined && { channel }) });
    for await (const bytes of messages) {
      const decoded = await decodeWith(this.#codec, schema, bytes);
      if (decoded.ok) yield decoded.value;
      else onInvalid?.(decoded.error);
    }
  }

  /** As `values()`. */
  [Symbol.asyncIterator](): AsyncGenerator<In, undefined> {
    return this.values();
  }
}
