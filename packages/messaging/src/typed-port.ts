import {
  checkChannelName,
  checkConnection,
  checkOptions,
  type NetworkError,
  type Result,
  SIGNAL_OPTION,
  unwrap,
} from '@entropynet/core';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { CODEC, type Codec, decodeWith, encodeWith, jsonCodec, SCHEMA } from './codec.js';
import type { MessagingConnection } from './messaging-connection.js';
import { PortValues } from './port-values.js';

/** Options of `toTypedPort`. */
export interface TypedPortOptions<In> {
  /** The codec of the values; both sides need the same. @default JSON */
  readonly codec?: Codec;
  /**
   * The schema that checks incoming values; the port yields its output. Zod, valibot, arktype and others have this
   * interface.
   */
  readonly schema?: StandardSchemaV1<unknown, In>;
  /** The named channel. The program opens it on each connection before it sends. @default the default channel */
  readonly channel?: string;
  /**
   * Is called for a message that can't be decoded or does not match the schema. The port skips the message. If the
   * function throws or its promise rejects, the loop over the values ends with that error.
   */
  readonly onInvalid?: (error: NetworkError) => unknown;
}

const OPTIONS = { codec: CODEC, schema: SCHEMA, channel: 'a string', onInvalid: 'a function' } as const;

/**
 * Returns a port that sends and receives values over a connection. On a manager's handle it works across all
 * connections of the handle. Throws a `NetworkError` (`InvalidParameter`) for a wrong option.
 * @typeParam In the incoming values
 * @typeParam Out the outgoing values
 */
export function toTypedPort<In = unknown, Out = In>(
  connection: MessagingConnection,
  options: TypedPortOptions<In> = {},
): TypedPort<In, Out> {
  return new TypedPort(connection, options);
}

/** A port that sends and receives values; `toTypedPort` returns it. */
export class TypedPort<In = unknown, Out = In> {
  readonly #connection: MessagingConnection;
  readonly #codec: Codec;
  readonly #options: TypedPortOptions<In>;

  constructor(connection: MessagingConnection, options: TypedPortOptions<In> = {}) {
    checkConnection('toTypedPort()', connection);
    checkOptions('toTypedPort()', options, OPTIONS);
    if (options.channel !== undefined) unwrap(checkChannelName(options.channel));
    this.#connection = connection;
    this.#codec = options.codec ?? jsonCodec();
    this.#options = options;
  }

  /** Sends a value with the connection's `send`. `InvalidMessage`: the codec can't encode the value. */
  async send(value: Out, options?: { signal?: AbortSignal }): Promise<Result> {
    const bytes = encodeWith(this.#codec, value);
    if (!bytes.ok) return bytes;
    const { channel } = this.#options;
    return channel === undefined
      ? this.#connection.send(bytes.value, options)
      : this.#connection.sendOnChannel(channel, bytes.value, options);
  }

  /** Sends a value with the connection's `trySend`. `InvalidMessage`: the codec can't encode the value. */
  trySend(value: Out): Result {
    const bytes = encodeWith(this.#codec, value);
    if (!bytes.ok) return bytes;
    const { channel } = this.#options;
    return channel === undefined
      ? this.#connection.trySend(bytes.value)
      : this.#connection.trySendOnChannel(channel, bytes.value);
  }

  /**
   * Returns the incoming values, for `for await`. The loop is the consumer of the channel from this call until it ends.
   * It takes one value at a time, so a slow loop holds the peer back. It ends when the channel is closed or a side says
   * goodbye, and throws if the connection failed. On a handle with `reconnect` it continues with the next connection
   * instead, after the unread values of those before. Throws a `NetworkError` (`AlreadyExists`) that names the other consumer, if the channel has one.
   */
  values(options?: { signal?: AbortSignal }): AsyncIterableIterator<In, undefined> {
    checkOptions('values()', options, SIGNAL_OPTION);
    const { channel, schema, onInvalid } = this.#options;
    const decode = async (bytes: Uint8Array): Promise<Result<In>> => {
      const decoded = await decodeWith(this.#codec, schema, bytes);
      if (!decoded.ok) await onInvalid?.(decoded.error);
      return decoded;
    };
    return new PortValues(this.#connection, channel, decode, options?.signal);
  }

  /** The same as `values()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<In, undefined> {
    return this.values();
  }
}
