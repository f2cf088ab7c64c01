import { redactText } from './redact.js';

/** The largest length of a description, in UTF-16 units. */
const MAX_LENGTH = 4096;

/**
 * Describes a thrown value in one printable line. Functions of the program throw with addresses of its configuration,
 * and the description goes to logs and to the peer: it hides the secrets of addresses as `redactText` does. An error
 * may come from another realm.
 */
export function describeThrown(error: unknown): string {
  try {
    const message: unknown = (error as { message?: unknown } | null | undefined)?.message;
    return redactText(typeof message === 'string' ? message : String(error), MAX_LENGTH);
  } catch {
    return `a ${typeof error} that can't be printed`;
  }
}
