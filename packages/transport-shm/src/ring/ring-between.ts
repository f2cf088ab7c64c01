import type { SideLayout } from '../region/layout.js';
import type { RingLocation } from './ring-location.js';

/** The region in which a ring is. */
export type RingMemory = Pick<RingLocation, 'words' | 'bytes' | 'capacity' | 'exchange'>;

/** Returns where the ring is that one side of a region writes and the other one reads. */
export function ringBetween(memory: RingMemory, producer: SideLayout, consumer: SideLayout): RingLocation {
  // No spread: V8 defines each property of a literal with one through a slow path.
  return {
    words: memory.words,
    bytes: memory.bytes,
    capacity: memory.capacity,
    exchange: memory.exchange,
    start: producer.ringStart,
    tail: producer.tail,
    head: consumer.head,
    consumerSleep: consumer.sleep,
    producerWaits: producer.waitsForRoom,
  };
}
