import { createHash } from 'node:crypto';
import { IDENTITY_BYTES, IDENTITY_OFFSET } from './layout.js';

const DIGITS = 24;

/**
 * Returns a private copy of the identity in a region's control block, because the peer can change the block at any
 * moment.
 */
export function identityIn(region: Uint8Array): Uint8Array {
  return region.slice(IDENTITY_OFFSET, IDENTITY_OFFSET + IDENTITY_BYTES);
}

/**
 * Returns the name of a region that both ends and an observer use. It does not reveal the identity, which belongs to
 * the handshake.
 */
export function linkKeyOf(identity: Uint8Array): string {
  return `shm-${createHash('sha256').update(identity).digest('hex').slice(0, DIGITS)}`;
}
