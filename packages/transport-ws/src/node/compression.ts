import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { NetworkError } from '@entropynet/core';
import type { PerMessageDeflateOptions } from 'ws';
import { codeOf, reasonOf } from '../protocol/web-socket-errors.js';
import type { WebSocketConfig } from '../protocol/web-socket-options.js';
import { CloseCode } from '../protocol/web-socket-protocol.js';

/** The section `webSocket.compression`, complete. */
export type CompressionConfig = Exclude<WebSocketConfig['compression'], false>;

/** What ends each compressed message, and is left out on the wire (RFC 7692, section 7.2.1). */
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff);

/** Compressing with a smaller window is not possible: zlib takes the next larger one in its place. */
const MIN_WINDOW_BITS = 9;
const MAX_WINDOW_BITS = 15;

/** Compression as the two sides of a connection agreed to it. */
export interface AgreedCompression {
  readonly config: CompressionConfig;
  /** The window that the peer takes, as a power of two. */
  readonly windowBits: number;
}

/**
 * What `ws` offers and accepts: no side keeps a context, so that each message stands alone and no memory stays with a
 * connection. `ws` itself compresses nothing: what it sends is short.
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
 * What was agreed; undefined where nothing is compressed.
 * @param agreed the header `Sec-WebSocket-Extensions` of the answer to the upgrade request
 */
export function agreedCompression(
  agreed: string | undefined,
  side: 'client' | 'server',
  config: WebSocketConfig['compression'],
): AgreedCompression | undefined {
  if (config === false || agreed === undefined || !/^\s*permessage-deflate\b/.test(agreed)) return undefined;
  const asked = new RegExp(`\\b${side}_max_window_bits="?(\\d+)`).exec(agreed)?.[1];
  return { config, windowBits: asked === undefined ? MAX_WINDOW_BITS : Number(asked) };
}

/** Why a compressed message can't be read, and the code that its sender is told. */
export interface Unreadable {
  readonly error: NetworkError;
  readonly closeCode: CloseCode;
}

/** Compresses messages, each by itself and at once: what was accepted for sending outlives this process then. */
export class Deflater {
  /** Shorter messages go as they are. */
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
   * The message compressed; undefined where it goes as it is, because that is not longer, or because a peer with the same
   * configuration would take it for a bomb.
   * @param message memory that nobody else can change
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
 * Inflates one message, and never beyond the bound, save for one piece of 16 KiB in which zlib works.
 * @param parts what came, without the tail
 * @param maxBytes the longest message
 * @returns the message, or why it is none
 */
export function inflate(parts: readonly Buffer[], maxBytes: number, maxRatio: number): Buffer | Unreadable {
  const compressed = Buffer.concat([...parts, TAIL]);
  const length = compressed.length - TAIL.length;
  const most = Math.max(1, Math.min(maxBytes, length * maxRatio));
  try {
    return inflateRawSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: most });
  } catch (error) {
    if (codeOf(error) !== 'ERR_BUFFER_TOO_LARGE') {
      const reason = `the peer sent an invalid compressed message: ${reasonOf(error)}`;
      return { error: new NetworkError('InvalidMessage', reason), closeCode: CloseCode.ProtocolError };
    }
    const bound = most < maxBytes ? `webSocket.compression.maxRatio is ${maxRatio}` : 'a message may not be longer';
    const reason = `the peer sent ${length} compressed bytes that inflate to more than ${most}: ${bound}`;
    return { error: new NetworkError('InvalidMessage', reason), closeCode: CloseCode.TooLarge };
  }
}
