import { encodeUint32 } from './frame.js';
import { kindOf } from '../result/kind-of.js';
import { err, ok, type Result } from '../result/result.js';

/** The version of the frame protocol (`frame.ts`). Two sides must agree on it. */
export const PROTOCOL_VERSION = 1;

/** The encoded form's length in bytes. */
export const PEER_LIMITS_BYTES = 24;

const MAGIC = 0x4e504e45; // 'ENPN' as little-endian bytes

/** The flag of a side that has a shared secret: it proves the secret and requires a proof. */
const HAS_SECRET = 1;

/** Optional features of a side: bits of the greeting's flags. */
export const Capability = {
  /** It understands `ChannelClose` and `ChannelClosed`. */
  ChannelClose: 2,
  /** It understands the sign of life that a WebSocket in a page sends in a message, because it can't send a ping. */
  SignOfLife: 4,
  /** It understands `DroppedWindow`. */
  DroppedWindow: 8,
} as const;

/** The features of this release. */
export const OWN_CAPABILITIES = Capability.ChannelClose | Capability.SignOfLife | Capability.DroppedWindow;

/** The limits of a side's receiver. Each side sends its limits in the handshake. */
export interface PeerLimits {
  /** The largest message that it accepts, in bytes. */
  readonly maxMessageSize: number;
  /** The largest number of bytes that may be in flight to it on each channel. */
  readonly channelWindow: number;
  /** The largest number of open named channels. */
  readonly maxChannels: number;
  /** Its optional features: bits of `Capability`. @default 0, a peer of the first release */
  readonly capabilities?: number;
}

/** A decoded greeting: the limits, and whether the peer requires a proof of the shared secret. */
export interface PeerGreeting extends PeerLimits {
  /** Whether the peer has a shared secret, so it requires a proof. */
  readonly hasSecret: boolean;
}

/**
 * Encodes the greeting: magic, protocol version, message size, window, channels, flags; each is a little-endian u32. A transport
 * sends these bytes in its handshake, in both directions.
 * @param limits the limits of this side; `secret`, as in a configuration, sets flag 1 and is not sent; without
 *   `capabilities`, the greeting has those of this release
 */
export function encodePeerLimits(limits: PeerLimits & { readonly secret?: string | undefined }): Uint8Array {
  if (typeof limits !== 'object' || (limits as unknown) === null) {
    throw new TypeError(`encodePeerLimits() takes an object of limits; ${kindOf(limits)} was given`);
  }
  const flags = (limits.capabilities ?? OWN_CAPABILITIES) | (limits.secret === undefined ? 0 : HAS_SECRET);
  const words = [MAGIC, PROTOCOL_VERSION, limits.maxMessageSize, limits.channelWindow, limits.maxChannels, flags];
  const bytes = new Uint8Array(PEER_LIMITS_BYTES);
  // Without a view: a short array gets memory outside V8's heap only when a program asks for its buffer.
  words.forEach((word, index) => {
    bytes.set(encodeUint32(word), index * 4);
  });
  return bytes;
}

/**
 * Decodes the greeting of the peer. `HandshakeFailed`: another protocol, or impossible limits. `IncompatibleVersion`:
 * another version of this protocol.
 */
export function decodePeerLimits(bytes: Uint8Array): Result<PeerGreeting> {
  if (!ArrayBuffer.isView(bytes)) {
    throw new TypeError(`decodePeerLimits() takes a Uint8Array; ${kindOf(bytes)} was given`);
  }
  if (bytes.length !== PEER_LIMITS_BYTES) {
    return err('HandshakeFailed', `the peer's greeting has ${bytes.length} bytes, ${PEER_LIMITS_BYTES} are expected`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC)
    return err('HandshakeFailed', 'the peer does not speak the EntropyNet protocol');
  const version = view.getUint32(4, true);
  if (version !== PROTOCOL_VERSION) {
    return err('IncompatibleVersion', `the peer speaks protocol version ${version}, this side ${PROTOCOL_VERSION}`);
  }
  const flags = view.getUint32(20, true);
  const limits = {
    maxMessageSize: view.getUint32(8, true),
    channelWindow: view.getUint32(12, true),
    maxChannels: view.getUint32(16, true),
    hasSecret: (flags & HAS_SECRET) !== 0,
    // Ignore the capabilities of a later release.
    capabilities: flags & OWN_CAPABILITIES,
  };
  if (limits.channelWindow < MIN_CHANNEL_WINDOW) {
    return err(
      'HandshakeFailed',
      `the peer's channel window is ${limits.channelWindow} bytes, at least ${MIN_CHANNEL_WINDOW} are needed`,
    );
  }
  return ok(limits);
}

/** The smallest window that a side may have, in bytes. */
export const MIN_CHANNEL_WINDOW = 16 * 1024;
