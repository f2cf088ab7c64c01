import {
  decodeUint32,
  err,
  ok,
  PEER_LIMITS_BYTES,
  type Result,
  SECRET_ANSWER_BYTES,
  SECRET_CHALLENGE_BYTES,
  SECRET_PROOF_BYTES,
} from '@entropynet/core';
import { hmacUnder, isSameBytes } from '@entropynet/core/platform';
import { joined } from './bytes.js';
import {
  CODE_BYTES,
  isPlainSubject,
  Kind,
  MAX_CREDIT_BYTES,
  NATS_PROTOCOL_VERSION,
  putUint32,
} from './nats-protocol.js';

/** The length of a client's or a server's number, in bytes. */
export const ID_BYTES = 16;

/** Kind, version, two zeros. */
const HEADER_BYTES = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The contents of a side's first message of the handshake. */
export interface Introduction {
  /** The result of `encodePeerLimits`. */
  readonly greeting: Uint8Array;
  /** The first window of each lane. */
  readonly credits: readonly [prompt: number, bulk: number];
  /** The prefix of the subjects of its lanes. */
  readonly base: string;
}

/** The message of a client that wants to connect. */
export interface Hello extends Introduction {
  readonly id: Uint8Array;
}

/** The message of a server that accepts a client. */
export interface Welcome extends Introduction {
  /** With a secret: the proof that the server knows it. */
  readonly proof: Uint8Array | undefined;
}

/** Returns the kind of a message of the handshake, of any version; undefined for another message. */
export function handshakeKindOf(message: Uint8Array): Kind | undefined {
  const kind = message[0];
  const isKind = kind !== undefined && kind >= Kind.Challenge && kind <= Kind.Presence;
  return isKind && message.length >= HEADER_BYTES ? (kind as Kind) : undefined;
}

/** Checks the version of a message of the handshake. */
export function checkVersion(message: Uint8Array): Result {
  const version = message[1];
  if (version === NATS_PROTOCOL_VERSION) return ok();
  return err(
    'IncompatibleVersion',
    `the peer speaks version ${version ?? 0} of the protocol over NATS, this side ${NATS_PROTOCOL_VERSION}`,
  );
}

/** Makes a message of the handshake from its parts. */
export function encodeHandshake(kind: Kind, ...parts: readonly Uint8Array[]): Uint8Array {
  return joined(Uint8Array.of(kind, NATS_PROTOCOL_VERSION, 0, 0), ...parts);
}

/** Returns the bytes of a message after its header. */
export function bodyOf(message: Uint8Array): Uint8Array {
  return message.subarray(HEADER_BYTES);
}

export function encodeHello({ id, ...introduction }: Hello): Uint8Array {
  return encodeHandshake(Kind.Hello, id, encodeIntroduction(introduction));
}

export function decodeHello(message: Uint8Array): Hello | undefined {
  const body = bodyOf(message);
  const introduction = decodeIntroduction(body.subarray(ID_BYTES));
  return introduction && { id: new Uint8Array(body.subarray(0, ID_BYTES)), ...introduction };
}

/** Makes a server's challenge, with the subject for the answer. */
export function encodeChallenge(challenge: Uint8Array, subject: string): Uint8Array {
  return encodeHandshake(Kind.Challenge, challenge, encoder.encode(subject));
}

export function decodeChallenge(message: Uint8Array): { challenge: Uint8Array; subject: string } | undefined {
  const body = bodyOf(message);
  const subject = decoder.decode(body.subarray(SECRET_CHALLENGE_BYTES));
  if (!isPlainSubject(subject)) return undefined;
  return { challenge: new Uint8Array(body.subarray(0, SECRET_CHALLENGE_BYTES)), subject };
}

/**
 * Makes a client's answer: the client's number, the answer, and a code with `key` over it and over the hello, so that
 * no one can change them.
 */
export function encodeAnswer(id: Uint8Array, answer: Uint8Array, key: Uint8Array, hello: Uint8Array): Uint8Array {
  return encodeHandshake(Kind.Answer, id, answer, codeOf(key, hello, answer));
}

export function decodeAnswer(
  message: Uint8Array,
): { id: Uint8Array; answer: Uint8Array; code: Uint8Array } | undefined {
  const body = bodyOf(message);
  if (body.length !== ID_BYTES + SECRET_ANSWER_BYTES + CODE_BYTES) return undefined;
  const end = ID_BYTES + SECRET_ANSWER_BYTES;
  return { id: body.subarray(0, ID_BYTES), answer: body.subarray(ID_BYTES, end), code: body.subarray(end) };
}

/** Makes a server's welcome. With a secret it contains the proof, and a code over the whole message. */
export function encodeWelcome({ proof, ...introduction }: Welcome, key: Uint8Array | undefined): Uint8Array {
  const introduced = encodeIntroduction(introduction);
  if (proof === undefined || key === undefined) return encodeHandshake(Kind.Welcome, introduced);
  return encodeHandshake(Kind.Welcome, proof, codeOf(key, introduced, proof), introduced);
}

/** Reads a welcome. With `hasProof`, the caller must check its code with `isWelcomeOf`. */
export function decodeWelcome(message: Uint8Array, hasProof: boolean): Welcome | undefined {
  const body = bodyOf(message);
  const introduction = decodeIntroduction(body.subarray(hasProof ? SECRET_PROOF_BYTES + CODE_BYTES : 0));
  return introduction && { ...introduction, proof: hasProof ? body.subarray(0, SECRET_PROOF_BYTES) : undefined };
}

/** Whether a welcome with a proof comes from the server, unchanged. */
export function isWelcomeOf(key: Uint8Array, message: Uint8Array): boolean {
  const body = bodyOf(message);
  const end = SECRET_PROOF_BYTES + CODE_BYTES;
  return isCode(body.subarray(SECRET_PROOF_BYTES, end), key, body.subarray(end), body.subarray(0, SECRET_PROOF_BYTES));
}

/** Whether `code` is the code of the two parts. */
export function isCode(code: Uint8Array, key: Uint8Array, first: Uint8Array, second: Uint8Array): boolean {
  return isSameBytes(code, codeOf(key, first, second));
}

function codeOf(key: Uint8Array, first: Uint8Array, second: Uint8Array): Uint8Array {
  return hmacUnder(key)(first, second).subarray(0, CODE_BYTES);
}

function encodeIntroduction({ greeting, credits, base }: Introduction): Uint8Array {
  const grants = new Uint8Array(8);
  putUint32(grants, 0, credits[0]);
  putUint32(grants, 4, credits[1]);
  return joined(greeting, grants, encoder.encode(base));
}

function decodeIntroduction(bytes: Uint8Array): Introduction | undefined {
  const start = PEER_LIMITS_BYTES + 8;
  if (bytes.length <= start) return undefined;
  const base = decoder.decode(bytes.subarray(start));
  const credits = [decodeUint32(bytes, PEER_LIMITS_BYTES), decodeUint32(bytes, PEER_LIMITS_BYTES + 4)] as const;
  if (!isPlainSubject(base) || credits.some((credit) => credit > MAX_CREDIT_BYTES)) return undefined;
  return { greeting: bytes.subarray(0, PEER_LIMITS_BYTES), credits, base };
}
