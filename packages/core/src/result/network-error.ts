import { kindOf } from './kind-of.js';
import { redactEndpoint, redactText } from './redact.js';

/**
 * Every code that the packages of EntropyNet return. A code stands for a decision that the caller can take and is stable;
 * the message is for people and may change. `docs/errors.md` explains each.
 */
export const NETWORK_ERROR_CODES = [
  'ConnectionClosed',
  'Timeout',
  'InvalidParameter',
  'InvalidMessage',
  'MessageTooLarge',
  'AlreadyExists',
  'AddressInUse',
  'WouldBlock',
  'ResourceLimitExceeded',
  'HandshakeFailed',
  'NotSupported',
  'Aborted',
  'PeerDied',
  'TransportUnavailable',
  'IncompatibleVersion',
  'CallbackFailed',
  'SharedMemoryNotAvailable',
  'SharedMemoryPermission',
  'SharedMemorySizeMismatch',
  'SharedMemoryCorrupted',
] as const;

/** A stable name for what went wrong; see `NETWORK_ERROR_CODES`. */
export type NetworkErrorCode = (typeof NETWORK_ERROR_CODES)[number];

const BRAND = Symbol.for('@entropynet/core/NetworkError');

/** How many errors of a chain of causes are shown as JSON. */
const MAX_CAUSES = 8;
/** Characters of a message that is shown as JSON. */
const MAX_MESSAGE = 4096;

/** An error as plain data. */
export interface SerializedError {
  /** The name of the error's class. */
  readonly name: string;
  /** The error's code, where it has one. */
  readonly code?: string;
  /** The error's message. */
  readonly message: string;
  /** The failure underneath, where there is one. */
  readonly cause?: unknown;
}

/** An operational failure: returned inside a `Result`, thrown only by `unwrap`. */
export class NetworkError extends Error {
  /** What a program decides by. */
  readonly code: NetworkErrorCode;

  /**
   * @param code what a program decides by
   * @param message one sentence that a person can act on
   * @param cause the failure underneath, where there is one
   */
  constructor(code: NetworkErrorCode, message: string, cause?: unknown) {
    if (typeof code !== 'string') throw new TypeError(`the code of an error is a string; ${kindOf(code)} was given`);
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NetworkError';
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /**
   * What `JSON.stringify` shows: name, code, message and the causes, without stacks. Addresses are redacted as by
   * `redactEndpoint`, and foreign text is printable.
   */
  toJSON(): SerializedError {
    return serializeError(this, MAX_CAUSES);
  }

  /** `instanceof` also recognises errors of a second installed copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
  }
}

function serializeError(error: Error, depth: number): SerializedError {
  const { code } = error as { code?: unknown };
  return {
    name: redactText(error.name),
    ...(typeof code === 'string' ? { code: redactText(code) } : {}),
    message: redactText(error.message, MAX_MESSAGE),
    ...(error.cause === undefined ? {} : { cause: serialize(error.cause, depth - 1) }),
  };
}

/** A cause as plain data. Of foreign objects only known fields are shown: the rest may hold a configuration. */
function serialize(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (depth <= 0) return '…';
  try {
    if (Array.isArray(value)) return value.map((each: unknown) => serialize(each, depth - 1));
    // Errors of other realms count, too.
    if (isErrorLike(value)) return serializeError(value, depth);
    if (typeof value === 'object') return serializeReason(value);
    return redactText(value);
  } catch {
    return 'a value that can not be read';
  }
}

/** Why a candidate was passed over; another object's fields may be anybody's secrets. */
function serializeReason(value: object): Record<string, string> {
  const { backend, endpoint, code, reason } = value as Record<string, unknown>;
  return {
    ...(typeof backend === 'string' ? { backend: redactText(backend) } : {}),
    ...(typeof endpoint === 'string' ? { endpoint: redactEndpoint(endpoint) } : {}),
    ...(typeof code === 'string' ? { code: redactText(code) } : {}),
    ...(typeof reason === 'string' ? { reason: redactText(reason, MAX_MESSAGE) } : {}),
  };
}

function isErrorLike(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'message' in value && 'name' in value && 'stack' in value;
}
