import { hmacUnder } from '@entropynet/core/platform';
import { hexOf } from './bytes.js';

/** The length of the monitoring text of both ends. */
const KEY_DIGITS = 24;

/** Makes that text from the subjects of both ends. No one can compute the subjects from it. */
const keyCode = hmacUnder(new TextEncoder().encode('entropynet nats connection'));

/**
 * Returns the same text at both ends of a connection, and different from that of all other connections. It does not
 * reveal the subjects.
 * @param ownBase the prefix of this side's subjects
 * @param peerBase the prefix of the peer's subjects
 */
export function connectionKeyOf(ownBase: string, peerBase: string): string {
  const subjects = new TextEncoder().encode([ownBase, peerBase].sort().join(' '));
  return `nats-${hexOf(keyCode(subjects, new Uint8Array(0))).slice(0, KEY_DIGITS)}`;
}
