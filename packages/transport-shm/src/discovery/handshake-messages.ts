import {
  decodePeerLimits,
  encodePeerLimits,
  err,
  type Failure,
  type NetworkErrorCode,
  ok,
  PEER_LIMITS_BYTES,
  type PeerGreeting,
  type PeerLimits,
  type Result,
  SECRET_PROOF_BYTES,
  WRONG_SECRET,
} from '@entropynet/core';
import type { LocalSocket } from '../native-binding.js';
import { pooledBytes } from '../pooled-bytes.js';
import { IDENTITY_BYTES, LAYOUT_VERSION } from '../region/layout.js';
import { describeCode } from '../system-failures.js';

/** The length of both messages, so that the stream needs no framing. */
export const HANDSHAKE_BYTES = 64;

/** The client's message after it has mapped its region. Wakes may follow at once. */
export const ACKNOWLEDGEMENT = new Uint8Array([0x06]);

/**
 * Sends a whole message of the handshake, with a descriptor if one is given. The buffer of any socket has room for it
 * if the peer reads. Throws if there is no room, because then the peer does not read.
 */
export function sendMessage(socket: LocalSocket, message: Uint8Array, descriptor?: number): void {
  const sent = socket.send(message, descriptor);
  if (sent !== message.length) {
    throw new Error(`the peer does not read: ${sent} of ${message.length} bytes of a message could be sent`);
  }
}

/**
 * The smallest region of a connection, as in the configuration's schema. In a smaller one the frames of a ring would be
 * too short.
 */
export const MIN_REGION_BYTES = 64 * 1024;

const REQUEST_MAGIC = 0x514e5045; // 'EPNQ' as little-endian bytes
const REPLY_MAGIC = 0x524e5045; // 'EPNR'
const NONCE_OFFSET = 16;
const LIMITS_OFFSET = 32;

/** The position of a challenge or a proof in a reply. */
const PROOF_OFFSET = 16;

/** The limits that a side sends. Of `secret` it sends only whether there is one. */
type OwnLimits = PeerLimits & { readonly secret?: string | undefined };

/** The request of a client. */
export interface HandshakeRequest {
  /** The nonce from the discovery region, so that no client attaches to a server that replaced the one it found. */
  readonly serverNonce: Uint8Array;
  /** The largest region that the client accepts, in bytes. */
  readonly regionBytes: number;
  readonly limits: OwnLimits;
}

/** The server's reply if it grants the request. The region's descriptor comes with it. */
export interface HandshakeReply {
  readonly regionBytes: number;
  /** The identity that the region's control block must have. */
  readonly identity: Uint8Array;
  readonly limits: OwnLimits;
}

/** The reasons for a refusal. The index is the number on the wire; 0 means granted. */
const REFUSALS: readonly (readonly [NetworkErrorCode, string])[] = [
  ['HandshakeFailed', 'the server refused without a reason'],
  ['IncompatibleVersion', 'the server uses another version of the protocol'],
  [
    'ResourceLimitExceeded',
    'the server accepts no more clients: sharedMemory.maxConnections is reached, or its program refused',
  ],
  ['TransportUnavailable', 'the server is gone, and another server has taken its name: connect again'],
  ['ResourceLimitExceeded', "the server's process could not create a region"],
  ['HandshakeFailed', 'the server did not understand the request'],
  ['HandshakeFailed', "the server asks for a shared secret and this side has none: set 'secret' to the server's"],
  ['HandshakeFailed', "this side asks for a shared secret ('secret') and the server has none"],
  ['HandshakeFailed', WRONG_SECRET],
];
export const Refusal = {
  Version: 1,
  Limit: 2,
  Identity: 3,
  Region: 4,
  Malformed: 5,
  SecretMissing: 6,
  SecretUnknown: 7,
  SecretWrong: 8,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** The replies before the one with the region, if both sides have a secret. */
export const ProofStep = { Challenge: 0x100, Proof: 0x101 } as const;
export type ProofStep = (typeof ProofStep)[keyof typeof ProofStep];

/**
 * ```
 *  0 magic   4 layout version   8 region bytes   12 status (reply)   16 nonce or identity (16)   32 limits (24)   56 zero
 * ```
 */
function encode(
  magic: number,
  regionBytes: number,
  status: number,
  identity: Uint8Array,
  limits: OwnLimits,
): Uint8Array {
  const bytes = pooledBytes(HANDSHAKE_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, magic, true);
  view.setUint32(4, LAYOUT_VERSION, true);
  view.setUint32(8, regionBytes, true);
  view.setUint32(12, status, true);
  bytes.set(identity, NONCE_OFFSET);
  bytes.set(encodePeerLimits(limits), LIMITS_OFFSET);
  return bytes;
}

const NO_IDENTITY = new Uint8Array(IDENTITY_BYTES);
const NO_LIMITS: PeerLimits = { maxMessageSize: 0, channelWindow: 0, maxChannels: 0 };

export function encodeRequest(request: HandshakeRequest): Uint8Array {
  return encode(REQUEST_MAGIC, request.regionBytes, 0, request.serverNonce, request.limits);
}

export function encodeReply(reply: HandshakeReply): Uint8Array {
  return encode(REPLY_MAGIC, reply.regionBytes, 0, reply.identity, reply.limits);
}

/** @param systemCode the code of the system's error, such as `ENOMEM`; it replaces the identity, as ASCII */
export function encodeRefusal(refusal: Refusal, systemCode = ''): Uint8Array {
  const bytes = encode(REPLY_MAGIC, 0, refusal, NO_IDENTITY, NO_LIMITS);
  if (SYSTEM_CODE.test(systemCode)) bytes.set(Buffer.from(systemCode, 'ascii'), NONCE_OFFSET);
  return bytes;
}

/** Makes a reply with 32 bytes of the secret's proof in place of identity and limits. */
export function encodeProofStep(step: ProofStep, content: Uint8Array): Uint8Array {
  const bytes = encode(REPLY_MAGIC, 0, step, NO_IDENTITY, NO_LIMITS);
  bytes.fill(0, PROOF_OFFSET).set(content, PROOF_OFFSET);
  return bytes;
}

/** The inverse, if the reply has that step. Otherwise returns the reason of the server's refusal. */
export function decodeProofStep(bytes: Uint8Array, step: ProofStep): Result<Uint8Array> {
  const view = checked(bytes, REPLY_MAGIC);
  if (!view.ok) return view;
  const status = view.value.getUint32(12, true);
  if (status === step) return ok(bytes.slice(PROOF_OFFSET, PROOF_OFFSET + SECRET_PROOF_BYTES));
  return status === 0
    ? err('HandshakeFailed', 'the server assigned a region without a proof of the shared secret')
    : refused(status);
}

/** Reads a client's request. `HandshakeFailed`, `IncompatibleVersion`. */
export function decodeRequest(bytes: Uint8Array): Result<HandshakeRequest & { readonly limits: PeerGreeting }> {
  const view = checked(bytes, REQUEST_MAGIC);
  if (!view.ok) return view;
  const limits = decodePeerLimits(bytes.subarray(LIMITS_OFFSET, LIMITS_OFFSET + PEER_LIMITS_BYTES));
  if (!limits.ok) return limits;
  return ok({
    regionBytes: view.value.getUint32(8, true),
    serverNonce: bytes.slice(NONCE_OFFSET, NONCE_OFFSET + IDENTITY_BYTES),
    limits: limits.value,
  });
}

/** Reads a server's reply: the grant, or the reason of the refusal. */
export function decodeReply(bytes: Uint8Array): Result<HandshakeReply & { readonly limits: PeerGreeting }> {
  const view = checked(bytes, REPLY_MAGIC);
  if (!view.ok) return view;
  const status = view.value.getUint32(12, true);
  if (status !== 0) return refused(status, systemCodeIn(bytes));
  const limits = decodePeerLimits(bytes.subarray(LIMITS_OFFSET, LIMITS_OFFSET + PEER_LIMITS_BYTES));
  if (!limits.ok) return limits;
  return ok({
    regionBytes: view.value.getUint32(8, true),
    identity: bytes.slice(NONCE_OFFSET, NONCE_OFFSET + IDENTITY_BYTES),
    limits: limits.value,
  });
}

/** Returns the sentence that a client gets, for the server's own log. */
export function describeRefusal(refusal: Refusal): string {
  return REFUSALS[refusal]?.[1] ?? `status ${refusal}`;
}

/** The call of the system that finds no room for a region. */
const REGION_CALL = 'ftruncate';

function refused(status: number, systemCode = ''): Failure {
  const [code, reason] = REFUSALS[status] ?? (['HandshakeFailed', `the server refused with status ${status}`] as const);
  if (status !== Refusal.Region) return err(code, reason);
  return err(
    code,
    `${reason}: ${systemCode === '' ? 'its own warnings say why' : describeCode(systemCode, REGION_CALL)}`,
  );
}

/** Returns the code of the system's error in a refusal. The peer wrote the bytes, so they may hold anything. */
function systemCodeIn(bytes: Uint8Array): string {
  const field = Buffer.from(bytes.slice(NONCE_OFFSET, NONCE_OFFSET + IDENTITY_BYTES)).toString('latin1');
  const code = field.replace(/\0+$/, '');
  return SYSTEM_CODE.test(code) ? code : '';
}

/** A code of the system's errors that fits the field. */
const SYSTEM_CODE = /^E[A-Z0-9]{1,15}$/;

function checked(bytes: Uint8Array, magic: number): Result<DataView> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic)
    return err('HandshakeFailed', 'the peer does not speak the handshake of EntropyNet');
  const version = view.getUint32(4, true);
  if (version === LAYOUT_VERSION) return ok(view);
  return err('IncompatibleVersion', `the peer uses region layout ${version}, this side ${LAYOUT_VERSION}`);
}
