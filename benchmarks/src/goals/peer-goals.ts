import { REFERENCE } from '../subjects/index.js';
import { type Goal, goal } from './goal.js';
import type { Measured } from './measured.js';
import { CONNECTS, LARGE_CHUNKS, ONE_WAY, OWNED, SMALL_CHUNKS, ZERO_COPY } from './names.js';

const PIPELINED = 'pipelined round trips, 64 in flight';
const STREAM = 'EntropyNet shm stream';
const SOCKET = 'net (Unix socket)';

/**
 * Returns the goals of shared memory against other ways between two processes.
 * @param peers the names of these other ways
 */
export function peerGoals(measured: Measured, peers: readonly string[]): Goal[] {
  const builtIn = peers.filter((subject) => subject.includes('IPC'));
  const rate = (subject: string, figure: string) => measured.of(subject, figure, 'rate');
  const [owned, zeroCopy, reference] = [OWNED, ZERO_COPY, REFERENCE].map((subject) => rate(subject, ONE_WAY));
  const fastest = measured.fastest(ONE_WAY, peers);
  return [
    goal(
      `connections a second, shared memory / ${REFERENCE}`,
      'at least',
      2,
      rate(OWNED, CONNECTS),
      rate(REFERENCE, CONNECTS),
    ),
    goal(`one way 64 B, owned / ${REFERENCE}`, 'at least', 50, owned, reference),
    goal('one way 64 B, owned / fastest peer', 'at least', 12, owned, fastest),
    goal(`one way 64 B, claim+borrow / ${REFERENCE}`, 'at least', 100, zeroCopy, reference),
    goal('one way 64 B, claim+borrow / fastest peer', 'at least', 25, zeroCopy, fastest),
    goal(
      'pipelined round trips, owned / best built-in IPC',
      'at least',
      15,
      rate(OWNED, PIPELINED),
      measured.fastest(PIPELINED, builtIn),
    ),
    goal(
      `${STREAM} / ${SOCKET}, chunks of 30 B`,
      'at least',
      1,
      rate(STREAM, SMALL_CHUNKS),
      rate(SOCKET, SMALL_CHUNKS),
    ),
    goal(
      `${STREAM} / ${SOCKET}, chunks of 65536 B`,
      'at least',
      2,
      rate(STREAM, LARGE_CHUNKS),
      rate(SOCKET, LARGE_CHUNKS),
    ),
  ];
}
