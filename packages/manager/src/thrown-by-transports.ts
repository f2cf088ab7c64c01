import { err, type Failure, NetworkError, redactText, type Result, type Transport } from '@entropynet/core';

/** Calls a transport. If a third-party one throws, only this call fails. */
export async function tryTransport<T>({ backend }: Transport, call: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await call();
  } catch (error) {
    return thrownBy(`transport '${backend}'`, error);
  }
}

/** The same for a call that returns its result at once. */
export function callTransport<T>({ backend }: Transport, call: () => Result<T>): Result<T> {
  try {
    return call();
  } catch (error) {
    return thrownBy(`transport '${backend}'`, error);
  }
}

/**
 * Returns the failure for an exception of a transport: a `NetworkError` itself, otherwise `TransportUnavailable`.
 * @param transport the words for the transport in the message
 */
export function thrownBy(transport: string, error: unknown): Failure {
  if (error instanceof NetworkError) return { ok: false, error };
  return err('TransportUnavailable', `${transport} threw: ${redactText(error)}`, error);
}
