import { createHash } from 'node:crypto';
import { IDENTITY_BYTES, IDENTITY_OFFSET } from './layout.js';

const DIGITS = 24;

/** A private copy of the identity in a region's control block: the peer can change the block at any moment. */
export function identityIn(region: Uint8Array): Uint8Array {
  return region.slice(IDENTITY_OFFSET, IDENTITY_OFFSET + IDENTITY_BYTES);
}

/** What both ends of a region, and an observer, call it. The identity itself is of the handshake and is not shown. */
export function linkKeyOf(identity: Uint8Array): string {
  return `shm-${createHash('sha256').update(identity).digest('hex').slice(0, DIGITS)}`;
}
