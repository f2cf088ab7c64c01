import { err, OK, type Result } from '@entropynet/core';
import {
  CLIENT_LIBRARY_OFFSET,
  CLIENT_PROCESS_ID_OFFSET,
  IDENTITY_BYTES,
  IDENTITY_OFFSET,
  LAYOUT_VERSION,
  LAYOUT_VERSION_OFFSET,
  LIBRARY_BYTES,
  MADE_AT_OFFSET,
  MAGIC,
  MAGIC_OFFSET,
  REGION_BYTES_OFFSET,
  type RegionSide,
  RING_CAPACITY_OFFSET,
  ringCapacityOf,
  SERVER_LIBRARY_OFFSET,
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

/** The text by which this side introduces itself. A test compares its version with that of the package. */
export const OWN_LIBRARY = 'node 0.1.0';

/** Returns the place of the text by which a side introduces itself. */
export function libraryOffsetOf(side: RegionSide): number {
  return side === 'server' ? SERVER_LIBRARY_OFFSET : CLIENT_LIBRARY_OFFSET;
}

/** Writes `OWN_LIBRARY`. The bytes after it are 0 already. */
export function writeLibrary(bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < OWN_LIBRARY.length; at += 1) bytes[offset + at] = OWN_LIBRARY.charCodeAt(at);
}

/** Returns the text by which a side introduces itself. Undefined for an older side, and for bytes that are no text. */
export function readLibrary(bytes: Uint8Array, offset: number): string | undefined {
  // A copy, because the peer may change the bytes meanwhile.
  const copy = bytes.slice(offset, offset + LIBRARY_BYTES);
  let length = copy.length;
  while (length > 0 && copy[length - 1] === 0) length -= 1;
  let text = '';
  for (let at = 0; at < length; at += 1) text += String.fromCharCode(copy[at] as number);
  return /^[!-~][ -~]*$/.test(text) ? text : undefined;
}

/** Writes line 0 of a new region and the library of its server. The caller passes its descriptor on only after that. */
export function writeControlBlock(buffer: ArrayBuffer, block: ControlBlockIdentity): void {
  const view = new DataView(buffer);
  view.setUint32(REGION_BYTES_OFFSET, buffer.byteLength, true);
  view.setUint32(RING_CAPACITY_OFFSET, ringCapacityOf(buffer.byteLength), true);
  new Uint8Array(buffer, IDENTITY_OFFSET, IDENTITY_BYTES).set(block.identity);
  view.setUint32(SERVER_PROCESS_ID_OFFSET, block.serverProcessId, true);
  view.setUint32(CLIENT_PROCESS_ID_OFFSET, block.clientProcessId, true);
  writeLibrary(new Uint8Array(buffer), SERVER_LIBRARY_OFFSET);
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
