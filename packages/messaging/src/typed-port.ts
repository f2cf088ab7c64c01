import { checkConnection, checkOptions, type NetworkError, type Result, SIGNAL_OPTION } from '@entropynet/core';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { CODEC, type Codec, decodeWith, encodeWith, jsonCodec, SCHEMA } from './codec.js';
import type { MessagingConnection } from './messaging-connection.js';
import { PortValues } from './port-values.js';

/** Options of `toTypedPort`. */
export interface TypedPortOptions<In> {
  /** @default JSON */
  readonly codec?: Codec;
  /** What comes in is checked by it, and is what it returns: zod, valibot, arktype and others offer this interface. */
  readonly schema?: StandardSchemaV1<unknown, In>;
  /** A named channel, to be opened on each connection before anything is sent. @default the default channel */
  readonly channel?: string;
  /** Told of what comes in and is no value, or none that fits the schema: it is left out and the connection goes on. */
  readonly onInvalid?: (error: NetworkError) => void;
}

const OPTIONS = { codec: CODEC, schema: SCHEMA, channel: 'a string', onInvalid: 'a function' } as const;

/**
 * Values over a connection instead of bytes. On a manager's handle the port stays over all connections of the handle.
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
    checkConnection('toTypedPort()', connection);
    checkOptions('toTypedPort()', options, OPTIONS);
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

  /**
   * The values that come in. The loop has the channel's messages from this call to its end, and takes one at a time: a
   * slow loop holds the peer back. It ends when the channel is closed, after the goodbye of either side, and by an
   * exception where the connection failed; on a handle with `reconnect` it goes on with the next connection instead. Throws
   * a `NetworkError` (`AlreadyExists`) that names the consumer which has the messages already.
   */
  values(options?: { signal?: AbortSignal }): AsyncIterableIterator<In, undefined> {
    checkOptions('values()', options, SIGNAL_OPTION);
    const { channel, schema, onInvalid } = this.#options;
    const decode = async (bytes: Uint8Array): Promise<Result<In>> => {
      const decoded = await decodeWith(this.#codec, schema, bytes);
      if (!decoded.ok) onInvalid?.(decoded.error);
      return decoded;
    };
    return new PortValues(this.#connection, channel, decode, options?.signal);
  }

  /** As `values()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<In, undefined> {
    return this.values();
  }
}
