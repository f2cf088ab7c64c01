import { until } from '@entropynet/conformance/tools';
import { type ConnectionConfig, type NetworkError, type Result, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { requestReply, type RequestReply, type RequestReplyOptions } from '@entropynet/messaging';
import type { Bench } from './transport-bench.js';

/** Short waits without randomness. */
export const SOON = { initialDelayMs: 5, maxDelayMs: 20, jitter: 0 } as const;

/** 'ok', or the code of the failure. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.error.code;
}

/** Returns the failure. Throws if there is none. */
export function failureOf(result: Result<unknown>): NetworkError {
  if (result.ok) throw new Error('it was expected to fail');
  return result.error;
}

/** Requests on both ends of a connection. */
export async function requestsOver(
  bench: Bench,
  config: Partial<ConnectionConfig> = {},
  nearOptions: RequestReplyOptions<unknown, unknown> = {},
  farOptions: RequestReplyOptions<unknown, unknown> = {},
): Promise<[RequestReply, RequestReply]> {
  const [client, accepted] = await bench.connect(config);
  return [unwrap(await requestReply(client, nearOptions)), unwrap(await requestReply(accepted, farOptions))];
}

/** A peer of requests without the library: it records the requests and sends any bytes. */
export class RawPeer {
  readonly heard: { readonly type: number; readonly id: Uint8Array; readonly text: string }[] = [];
  readonly #connection: ConnectionHandle;

  private constructor(connection: ConnectionHandle) {
    this.#connection = connection;
  }

  /** Opens the channel and records what arrives. */
  static async on(connection: ConnectionHandle): Promise<RawPeer> {
    const peer = new RawPeer(connection);
    peer.listen();
    unwrap(await connection.openChannel('requests'));
    return peer;
  }

  /** Reads, after `ignore()` too. */
  listen(): void {
    this.#connection.setChannelMessageCallback('requests', (message) => {
      const text = Buffer.from(message.subarray(5)).toString();
      this.heard.push({ type: message[0] ?? 0, id: message.slice(1, 5), text });
    });
  }

  /** Stops reading. */
  ignore(): void {
    this.#connection.setChannelMessageCallback('requests', null);
  }

  /** Sends any bytes in order. */
  async say(...parts: readonly (Uint8Array | readonly number[] | string)[]): Promise<void> {
    const bytes = Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
    );
    unwrap(await this.#connection.sendOnChannel('requests', bytes));
  }

  /** Returns the number of the recorded request with that index. */
  async requestNumber(index: number): Promise<Uint8Array> {
    await until(() => this.requests.length > index, `request ${index} arrived`);
    return this.requests[index]!.id;
  }

  get requests(): readonly { readonly type: number; readonly id: Uint8Array; readonly text: string }[] {
    return this.heard.filter(({ type }) => type === 1);
  }
}

/** The bytes of a request's number. */
export function numberBytes(id: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(id);
  return bytes;
}
