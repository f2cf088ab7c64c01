import { kindOf } from './kind-of.js';
import { redactEndpoint, redactText } from './redact.js';

/**
 * Every error code of EntropyNet. A code is stable, so a program can decide by it. The message of an error is for
 * people and may change. `docs/errors.md` explains each code.
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

/** The stable code of an error; see `NETWORK_ERROR_CODES`. */
export type NetworkErrorCode = (typeof NETWORK_ERROR_CODES)[number];

const BRAND = Symbol.for('@entropynet/core/NetworkError');

/** The largest number of errors of a chain of causes that JSON contains. */
const MAX_CAUSES = 8;
/** The largest number of values of all causes that JSON contains. A list may contain itself. */
const MAX_VALUES = 256;
/** The largest number of characters of a message that JSON contains. */
const MAX_MESSAGE = 4096;

/** Stands for what JSON leaves out. */
const CUT = '\u2026';

/** An error as plain data. */
export interface SerializedError {
  /** The name of the error's class. */
  readonly name: string;
  /** The error's code, if it has one. */
  readonly code?: string;
  /** The error's message. */
  readonly message: string;
  /** The failure that caused this one, if there is one. */
  readonly cause?: unknown;
}

/** A failure of the network, the peer or the system. Operations return it inside a `Result`; `unwrap` throws it. */
export class NetworkError extends Error {
  /** The stable code, by which a program decides. */
  readonly code: NetworkErrorCode;

  /**
   * @param code the stable code, by which a program decides
   * @param message one sentence that tells a person what to do
   * @param cause the failure that caused this one
   */
  constructor(code: NetworkErrorCode, message: string, cause?: unknown) {
    if (typeof code !== 'string') throw new TypeError(`the code of an error is a string; ${kindOf(code)} was given`);
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NetworkError';
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /**
   * Returns the data for `JSON.stringify`: name, code, message and the causes, without stacks. User information and
   * query of addresses are replaced, as by `redactEndpoint`, and unprintable characters are escaped.
   */
  toJSON(): SerializedError {
    return serializeError(this, MAX_CAUSES, { left: MAX_VALUES });
  }

  /** Makes `instanceof` also recognise errors of a second installed copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // A program's subclass inherits this method, but the mark does not tell its errors from others.
    if (this !== NetworkError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
  }
}

/** The number of values that may still be added. */
interface Budget {
  left: number;
}

function serializeError(error: Error, depth: number, budget: Budget): SerializedError {
  const { code } = error as { code?: unknown };
  return {
    name: redactText(error.name),
    ...(typeof code === 'string' ? { code: redactText(code) } : {}),
    message: redactText(error.message, MAX_MESSAGE),
    ...(error.cause === undefined ? {} : { cause: serialize(error.cause, depth - 1, budget) }),
  };
}

/** Turns a cause into plain data. Of other objects it keeps only known fields: the rest may contain secrets. */
function serialize(value: unknown, depth: number, budget: Budget): unknown {
  budget.left -= 1;
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (depth <= 0 || budget.left < 0) return CUT;
  try {
    if (Array.isArray(value)) return serializeList(value, depth, budget);
    // Errors of other realms count, too.
    if (isErrorLike(value)) return serializeError(value, depth, budget);
    if (typeof value === 'object') return serializeReason(value);
    return redactText(value);
  } catch {
    return "a value that can't be read";
  }
}

function serializeList(list: readonly unknown[], depth: number, budget: Budget): unknown[] {
  const values: unknown[] = [];
  for (const each of list) {
    if (budget.left <= 0) return [...values, CUT];
    values.push(serialize(each, depth - 1, budget));
  }
  return values;
}

/** Keeps the fields of a passed-over candidate. All other fields may contain secrets. */
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
