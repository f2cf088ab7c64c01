import { err, OK, type Result } from '@entropynet/core';
import {
  CLIENT_PROCESS_ID_OFFSET,
  IDENTITY_BYTES,
  IDENTITY_OFFSET,
  LAYOUT_VERSION,
  LAYOUT_VERSION_OFFSET,
  MADE_AT_OFFSET,
  MAGIC,
  MAGIC_OFFSET,
  REGION_BYTES_OFFSET,
  RING_CAPACITY_OFFSET,
  ringCapacityOf,
  SERVER_PROCESS_ID_OFFSET,
} from './layout.js';
import { epochNow } from '../platform-time.js';

/** The contents of line 0 of a control block. */
export interface ControlBlockIdentity {
  /** 16 random bytes. They distinguish two regions of one name. */
  readonly identity: Uint8Array;
  readonly serverProcessId: number;
  readonly clientProcessId: number;
}

/** Writes line 0 of a new region. The caller passes its descriptor on only after that. */
export function writeControlBlock(buffer: ArrayBuffer, block: ControlBlockIdentity): void {
  const view = new DataView(buffer);
  view.setUint32(REGION_BYTES_OFFSET, buffer.byteLength, true);
  view.setUint32(RING_CAPACITY_OFFSET, ringCapacityOf(buffer.byteLength), true);
  new Uint8Array(buffer, IDENTITY_OFFSET, IDENTITY_BYTES).set(block.identity);
  view.setUint32(SERVER_PROCESS_ID_OFFSET, block.serverProcessId, true);
  view.setUint32(CLIENT_PROCESS_ID_OFFSET, block.clientProcessId, true);
  view.setBigUint64(MADE_AT_OFFSET, BigInt(epochNow()), true);
  view.setUint32(LAYOUT_VERSION_OFFSET, LAYOUT_VERSION, true);
  view.setUint32(MAGIC_OFFSET, MAGIC, true);
}

/**
 * Checks line 0 of a region that another process made against the region's real size and the identity of the handshake.
 * It only compares the sizes in line 0, and never computes with them.
 */
export function checkControlBlock(buffer: ArrayBuffer, identity: Uint8Array): Result {
  const view = new DataView(buffer);
  const magic = view.getUint32(MAGIC_OFFSET, true);
  if (magic !== MAGIC)
    return err('SharedMemoryCorrupted', `the region begins with ${hex(magic)} instead of ${hex(MAGIC)}`);
  const version = view.getUint32(LAYOUT_VERSION_OFFSET, true);
  if (version !== LAYOUT_VERSION) {
    return err('IncompatibleVersion', `the region has layout version ${version}, this side knows ${LAYOUT_VERSION}`);
  }
  const regionBytes = view.getUint32(REGION_BYTES_OFFSET, true);
  if (regionBytes !== buffer.byteLength) {
    return err(
      'SharedMemorySizeMismatch',
      `the header of the region says ${regionBytes} bytes; the region has ${buffer.byteLength}`,
    );
  }
  const capacity = view.getUint32(RING_CAPACITY_OFFSET, true);
  const expected = ringCapacityOf(buffer.byteLength);
  if (capacity !== expected) {
    return err(
      'SharedMemoryCorrupted',
      `the region says its rings have ${capacity} bytes each; its size allows ${expected}`,
    );
  }
  const found = new Uint8Array(buffer, IDENTITY_OFFSET, IDENTITY_BYTES);
  if (!found.every((byte, index) => byte === identity[index])) {
    return err('SharedMemoryCorrupted', 'the region is not the one that the handshake announced: its identity differs');
  }
  return OK;
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`;
}
