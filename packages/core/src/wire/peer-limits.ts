import { kindOf } from '../result/kind-of.js';
import { err, ok, type Result } from '../result/result.js';

/** The version of the frame protocol (`frame.ts`). Two sides must agree on it. */
export const PROTOCOL_VERSION = 1;

/** The encoded form's length in bytes. */
export const PEER_LIMITS_BYTES = 24;

const MAGIC = 0x4e504e45; // 'ENPN' as little-endian bytes

/** The flag of a side that proves, and asks for a proof of, the shared secret. */
const HAS_SECRET = 1;

/** What a side can do beyond the first version of the protocol: bits of the greeting's flags. */
export const Capability = {
  /** It understands `ChannelClose` and `ChannelClosed`. */
  ChannelClose: 2,
  /** It takes a sign of life of a transport whose peer can't send one below its messages (a page's WebSocket). */
  SignOfLife: 4,
} as const;

/** Everything that this release can do. */
export const OWN_CAPABILITIES = Capability.ChannelClose | Capability.SignOfLife;

/** What a side tells the other during the handshake: what it is prepared to receive. */
export interface PeerLimits {
  /** The longest message it takes, in bytes. */
  readonly maxMessageSize: number;
  /** How many window bytes a channel may have outstanding towards it. */
  readonly channelWindow: number;
  /** How many named channels it allows. */
  readonly maxChannels: number;
  /** What it can do: bits of `Capability`. @default 0, a peer of the first release */
  readonly capabilities?: number;
}

/** A greeting as it was read: the limits, and whether the peer asks for a proof of the shared secret. */
export interface PeerGreeting extends PeerLimits {
  /** Whether the peer has a shared secret, which it will then ask to be proved. */
  readonly hasSecret: boolean;
}

/**
 * The greeting as bytes: magic, protocol version, message size, window, channels, flags; each a little-endian u32. A
 * transport carries these bytes in its handshake, in both directions.
 * @param limits what this side is prepared to receive; `secret`, as in a configuration, sets flag 1 and is not sent; without
 *   `capabilities`, the greeting has those of this release
 */
export function encodePeerLimits(limits: PeerLimits & { readonly secret?: string | undefined }): Uint8Array {
  if (typeof limits !== 'object' || (limits as unknown) === null) {
    throw new TypeError(`encodePeerLimits() takes an object of limits; ${kindOf(limits)} was given`);
  }
  const flags = (limits.capabilities ?? OWN_CAPABILITIES) | (limits.secret === undefined ? 0 : HAS_SECRET);
  const words = [MAGIC, PROTOCOL_VERSION, limits.maxMessageSize, limits.channelWindow, limits.maxChannels, flags];
  const bytes = new Uint8Array(PEER_LIMITS_BYTES);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setUint32(index * 4, word, true);
  });
  return bytes;
}

/**
 * Reads what the peer sent. `HandshakeFailed`: not this protocol, or impossible limits;
 * `IncompatibleVersion`: this protocol in another version.
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
    // Those that a later release has are nothing to this one.
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
