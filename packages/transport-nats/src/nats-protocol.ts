import { decodeUint32, NetworkError, type NetworkErrorCode, printable } from '@entropynet/core';

/** The version of this protocol; both sides must speak the same. `docs/nats-protocol.md` describes it. */
export const NATS_PROTOCOL_VERSION = 1;

/** The kinds of messages on a lane. The kind is the first byte. */
export const Kind = {
  /** Bytes of the lane's stream of frames. */
  Data: 1,
  /** More bytes that the receiver may send: one u32 for each lane. */
  Credit: 2,
  /** Asks for a sign of life. */
  Ping: 3,
  /** The sign of life. */
  Pong: 4,
  /** Nothing follows. The body is the number of the last message of the bulk lane. */
  Goodbye: 5,
  /** All messages up to the goodbye have arrived. */
  GoodbyeTaken: 6,
  /** The sender ends the connection. The body is the reason. */
  Fault: 7,
  /** The first numbered message of a client: both lanes work in both directions. */
  Ready: 8,
  /** Asks for an echo on the same lane, before the connection stands. Not numbered. */
  Echo: 9,
  /** The echo. Not numbered. */
  Echoed: 10,
  /** The server's challenge for a client with a secret. Not numbered. */
  Challenge: 11,
  /** The server accepts the client. Not numbered. */
  Welcome: 12,
  /** The server refuses the client. The body is the reason. Not numbered. */
  Refusal: 13,
  /** A client wants to connect. Not numbered; on the service's subject. */
  Hello: 14,
  /** A client's answer to the challenge. Not numbered; on the server's own subject. */
  Answer: 15,
  /** A server that wants to listen asks if another one listens. Not numbered; on the service's subject. */
  Inquiry: 16,
  /** Another server listens. The body is the name of its queue group. Not numbered. */
  Presence: 17,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The two lanes of each direction of a connection. */
export const Lane = {
  /** The default channel, the channel `control`, and all control messages. */
  Prompt: 0,
  /** Messages of the other named channels. */
  Bulk: 1,
} as const;
export type Lane = (typeof Lane)[keyof typeof Lane];
export const LANES: readonly Lane[] = [Lane.Prompt, Lane.Bulk];

/**
 * The bytes before the body of a message on a lane: kind, lane, two zeros, number (u64), and the number of the prompt lane
 * that must come before (u32).
 */
export const HEADER_BYTES = 16;

/** The bytes of an authentication code, which follow the header where both sides have a secret. */
export const CODE_BYTES = 16;

/** The window that a message costs in addition to its bytes: about the memory for one that waits. */
export const MESSAGE_COST_BYTES = 64;

/** A frame in the lane's stream: length of the payload (u32), header word (u32), payload. */
export const FRAME_HEADER_BYTES = 8;

/** The longest payload of a frame, in bytes. */
export const MAX_FRAME_BYTES = 128 * 1024;

/** The smallest grant, so that a flood of grants ends soon. */
export const MIN_GRANT_BYTES = 4096;

/** The largest window that a side may have, in bytes. */
export const MAX_CREDIT_BYTES = 256 * 1024 * 1024;

const NUMBER_BASE = 2 ** 32;

/** Writes the header of a message at `start`. */
export function putHeader(
  target: Uint8Array,
  start: number,
  kind: Kind,
  lane: Lane,
  number: number,
  after: number,
): void {
  target[start] = kind;
  target[start + 1] = lane;
  target[start + 2] = 0;
  target[start + 3] = 0;
  putUint32(target, start + 4, number % NUMBER_BASE);
  putUint32(target, start + 8, Math.floor(number / NUMBER_BASE));
  putUint32(target, start + 12, after);
}

/** Returns the number of a message. */
export function numberOf(message: Uint8Array): number {
  return decodeUint32(message, 4) + decodeUint32(message, 8) * NUMBER_BASE;
}

/** Returns the last number of the prompt lane that must be taken before this message; its lower 32 bits. */
export function afterOf(message: Uint8Array): number {
  return decodeUint32(message, 12);
}

/** Whether `taken` has reached `number`, of which `after` are the lower bits. */
export function hasReached(taken: number, after: number): boolean {
  return ((taken % NUMBER_BASE) - after) << 0 >= 0;
}

/** Writes four bytes, little-endian. */
export function putUint32(target: Uint8Array, start: number, value: number): void {
  target[start] = value;
  target[start + 1] = value >>> 8;
  target[start + 2] = value >>> 16;
  target[start + 3] = value >>> 24;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The longest text of a fault or refusal, in characters. */
const MAX_TEXT = 200;

/** Encodes a failure as bytes: its code, a line break and its sentence. */
export function encodeFault({ code, message }: NetworkError): Uint8Array {
  return encoder.encode(`${code}\n${message.slice(0, MAX_TEXT)}`);
}

/** Error codes that a peer may choose, and first the one that stands for all others. */
export type PeerCodes = readonly [NetworkErrorCode, ...NetworkErrorCode[]];

/** The codes with which a server may refuse a client. */
export const REFUSALS: PeerCodes = [
  'HandshakeFailed',
  'IncompatibleVersion',
  'ResourceLimitExceeded',
  'ConnectionClosed',
  'Timeout',
  'TransportUnavailable',
];

/** The codes with which a peer may end a connection. */
export const FAULTS: PeerCodes = [
  'ConnectionClosed',
  'InvalidMessage',
  'MessageTooLarge',
  'ResourceLimitExceeded',
  'PeerDied',
  'HandshakeFailed',
  'Timeout',
  'TransportUnavailable',
];

/**
 * Returns the error for the peer's failure. A code that is not in the list becomes the first of the list.
 * @param codes by default those that end a connection
 */
export function decodeFault(bytes: Uint8Array, codes: PeerCodes = FAULTS): NetworkError {
  const [given = '', ...rest] = decoder.decode(bytes.subarray(0, 4 * MAX_TEXT)).split('\n');
  const code = codes.find((each) => each === given) ?? codes[0];
  return new NetworkError(code, `the peer ended the connection: ${printable(rest.join(' '), MAX_TEXT)}`);
}

/** The length of the longest subject that a side may send to the other, in characters. */
export const MAX_SUBJECT_LENGTH = 512;

/** Whether this side may publish to the text as a subject: no wildcard, no blank, not too long. */
export function isPlainSubject(text: string | undefined): text is string {
  return text !== undefined && text.length <= MAX_SUBJECT_LENGTH && /^[\w-]+(?:\.[\w-]+)*$/.test(text);
}

/** Returns the subject of a lane below a side's own subject. */
export function laneSubject(base: string, lane: Lane): string {
  return `${base}.${lane}`;
}
