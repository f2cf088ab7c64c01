/** Shared memory with messages that the receiver owns. */
export const OWNED = 'EntropyNet shm adaptive';
/** Shared memory without a copy on either side. */
export const ZERO_COPY = 'EntropyNet shm claim+borrow';
/** Shared memory whose receiver always sleeps. */
export const ASLEEP = 'EntropyNet shm sleep';
/** This project's WebSocket transport. */
export const WEB_SOCKET = 'EntropyNet ws';
/** The bare ring that publishes each message. */
export const BARE_RING = 'bare ring in place';

/** The figures that several goals use. */
export const ROUND_TRIP = 'round trip 64 B';
export const ROUND_TRIP_ASLEEP = 'round trip 64 B, both asleep';
export const ONE_WAY = 'one way 64 B';
export const ONE_WAY_KIBIBYTES = 'one way 65536 B';
export const CONNECTS = 'connections, with a message there and back';
export const SMALL_CHUNKS = 'stream, chunks of 30 B';
export const LARGE_CHUNKS = 'stream, chunks of 65536 B';
