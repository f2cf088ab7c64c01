import { parentPort, workerData } from 'node:worker_threads';
import { unwrap } from '@entropynet/core';
import { loadNativeBinding } from '@entropynet/transport-shm/internal/native-binding';

/** The orders for the adversary. */
export interface AdversaryPlan {
  readonly descriptor: number;
  readonly byteLength: number;
  /** The words that it changes in one of four rounds. */
  readonly words: readonly number[];
  /** The words of which it changes one in the other rounds: the first, and their number. */
  readonly frames: readonly [first: number, count: number];
  readonly seed: number;
  /** [stop when not 0, number of changes] */
  readonly control: SharedArrayBuffer;
}

// A thread that maps the same region and changes words of it for a moment, over and over: between two reads of another
// thread, if that reads twice.
const { descriptor, byteLength, words: favourites, frames, seed, control } = workerData as AdversaryPlan;
const binding = unwrap(loadNativeBinding());
const buffer = binding.attachRegion(descriptor, byteLength);
const words = new Int32Array(buffer, 0, byteLength >> 2);
const state = new Int32Array(control);
let random = seed | 1;

function next(): number {
  random ^= random << 13;
  random ^= random >>> 17;
  random ^= random << 5;
  return random;
}

parentPort!.postMessage('ready');
while (Atomics.load(state, 0) === 0) {
  const choice = next() >>> 0;
  const index = choice % 4 === 0 ? favourites[(choice >>> 2) % favourites.length]! : frames[0] + (choice % frames[1]);
  const before = Atomics.load(words, index);
  const values = [0, -1, 0x7fff_ffff, before + 8, before - 8, before + 1, next(), 100];
  Atomics.store(words, index, values[(next() >>> 0) % values.length]!);
  for (let spins = next() & 63; spins > 0; spins -= 1) Atomics.load(words, index);
  // The restored word lets traffic continue.
  Atomics.store(words, index, before);
  Atomics.add(state, 1, 1);
  for (let spins = next() & 511; spins > 0; spins -= 1) Atomics.load(state, 0);
}
binding.unmapRegion(buffer);
