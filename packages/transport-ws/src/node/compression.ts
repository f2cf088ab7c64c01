import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { NetworkError, shortageOf } from '@entropynet/core';
import type { PerMessageDeflateOptions } from 'ws';
import { codeOf, reasonOf } from '../protocol/web-socket-errors.js';
import type { WebSocketConfig } from '../protocol/web-socket-options.js';
import { CloseCode } from '../protocol/web-socket-protocol.js';

/** The section `webSocket.compression`, complete. */
export type CompressionConfig = Exclude<WebSocketConfig['compression'], false>;

/** The last bytes of each compressed message, which the sender omits (RFC 7692, section 7.2.1). */
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff);

/** zlib can't compress with a smaller window: it takes the next larger one. */
const MIN_WINDOW_BITS = 9;
const MAX_WINDOW_BITS = 15;

/** The compression that both sides of a connection agreed to. */
export interface AgreedCompression {
  readonly config: CompressionConfig;
  /** The window that the peer accepts, as a power of two. */
  readonly windowBits: number;
  /** The parameter that this protocol demands and the answer lacks. Undefined if it has all. */
  readonly missing: string | undefined;
}

/** Without one of them, a message could depend on earlier ones. */
const NO_CONTEXT = ['server_no_context_takeover', 'client_no_context_takeover'];

/**
 * Returns the compression that `ws` offers and accepts. No side keeps a context, so that each message is independent
 * and a connection holds no memory for it. `ws` itself compresses nothing, because it sends only short messages.
 */
export function negotiationOptions(config: WebSocketConfig['compression']): PerMessageDeflateOptions | false {
  if (config === false) return false;
  return {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    threshold: Number.MAX_SAFE_INTEGER,
  };
}

/**
 * Returns the agreed compression; undefined if there is none.
 * @param agreed the header `Sec-WebSocket-Extensions` of the answer to the upgrade request
 */
export function agreedCompression(
  agreed: string | undefined,
  side: 'client' | 'server',
  config: WebSocketConfig['compression'],
): AgreedCompression | undefined {
  if (config === false || agreed === undefined || !/^\s*permessage-deflate\b/.test(agreed)) return undefined;
  const asked = new RegExp(`\\b${side}_max_window_bits="?(\\d+)`).exec(agreed)?.[1];
  return {
    config,
    windowBits: asked === undefined ? MAX_WINDOW_BITS : Number(asked),
    missing: NO_CONTEXT.find((parameter) => !agreed.includes(parameter)),
  };
}

/** The reason why a compressed message can't be read, and the close code for its sender. */
export interface Unreadable {
  readonly error: NetworkError;
  readonly closeCode: CloseCode;
}

/**
 * Compresses each message independently and synchronously, so that an accepted message leaves even if this process
 * exits.
 */
export class Deflater {
  /** Shorter messages are not compressed. */
  readonly threshold: number;
  readonly #level: number;
  readonly #maxRatio: number;
  readonly #windowBits: number;

  constructor({ config, windowBits }: AgreedCompression) {
    this.threshold = windowBits < MIN_WINDOW_BITS ? Number.MAX_SAFE_INTEGER : config.threshold;
    this.#level = config.level;
    this.#maxRatio = config.maxRatio;
    this.#windowBits = windowBits;
  }

  /**
   * Returns the compressed message; undefined if the original is not longer, or if a peer with the same configuration
   * would refuse the compressed one for its ratio.
   * @param message memory that no other code can change
   */
  compress(message: Buffer): Buffer | undefined {
    if (message.length < this.threshold) return undefined;
    const whole = deflateRawSync(message, {
      finishFlush: constants.Z_SYNC_FLUSH,
      level: this.#level,
      windowBits: this.#windowBits,
    });
    const length = whole.length - TAIL.length;
    if (length >= message.length || message.length > length * this.#maxRatio) return undefined;
    return whole.subarray(0, length);
  }
}

/**
 * Inflates one message. It never exceeds the limit by more than one piece of 16 KiB, in which zlib works.
 * @param arrived the bytes that arrived, without the tail
 * @param maxBytes the length of the longest message
 * @returns the message, or the reason why it is invalid. Throws if there is no memory for it.
 */
export function inflate(arrived: Buffer, maxBytes: number, maxRatio: number): Buffer | Unreadable {
  const compressed = Buffer.concat([arrived, TAIL]);
  const { length } = arrived;
  const most = Math.max(1, Math.min(maxBytes, length * maxRatio));
  try {
    return inflateRawSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: most });
  } catch (error) {
    if (shortageOf(error) !== undefined) throw error;
    if (codeOf(error) !== 'ERR_BUFFER_TOO_LARGE') {
      const reason = `the peer sent an invalid compressed message: ${reasonOf(error)}`;
      return { error: new NetworkError('InvalidMessage', reason), closeCode: CloseCode.ProtocolError };
    }
    const bound = most < maxBytes ? `webSocket.compression.maxRatio is ${maxRatio}` : 'a message may not be longer';
    const reason = `the peer sent ${length} compressed bytes that inflate to more than ${most}: ${bound}`;
    return { error: new NetworkError('InvalidMessage', reason), closeCode: CloseCode.TooLarge };
  }
}
