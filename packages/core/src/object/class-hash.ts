import { kindOf } from '../result/kind-of.js';

const FNV_OFFSET_BASIS = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const UINT64_MASK = 0xffffffffffffffffn;

const encoder = new TextEncoder();

/**
 * Returns a stable 64-bit hash of a type name. It is the same in every process and language, because it hashes the
 * UTF-8 bytes.
 *
 * Source: FNV-1a, 64 bits (Fowler, Noll, Vo).
 */
export function classHashOf(name: string): bigint {
  if (typeof name !== 'string') throw new TypeError(`the name of a class is a string; ${kindOf(name)} was given`);
  let hash = FNV_OFFSET_BASIS;
  for (const byte of encoder.encode(name)) {
    hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & UINT64_MASK;
  }
  return hash;
}
