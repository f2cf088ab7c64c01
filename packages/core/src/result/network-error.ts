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
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NetworkError';
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** `instanceof` also recognises errors of a second installed copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
  }
}
