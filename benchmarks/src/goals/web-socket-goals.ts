import { REFERENCE } from '../subjects/index.js';
import { type Goal, goal } from './goal.js';
import type { Measured } from './measured.js';
import { CONNECTS, LARGE_CHUNKS, ONE_WAY, ONE_WAY_KIBIBYTES, ROUND_TRIP, SMALL_CHUNKS, WEB_SOCKET } from './names.js';

const STREAM = 'EntropyNet ws stream';
const STREAM_REFERENCE = 'ws createWebSocketStream';
const PAGE = 'EntropyNet ws page';
const PAGE_REFERENCE = 'ws page';
const FRAGMENTED = ['64 B after fragments', '262144 B in fragments'];

/** Returns the goals of the WebSocket transport against `ws` without it. */
export function webSocketGoals(measured: Measured): Goal[] {
  const own = (figure: string, statistic: string) => measured.of(WEB_SOCKET, figure, statistic);
  const other = (figure: string, statistic: string) => measured.of(REFERENCE, figure, statistic);
  const name = `${WEB_SOCKET} / ${REFERENCE}`;
  return [
    goal(`connections a second, ${name}`, 'at least', 0.85, own(CONNECTS, 'rate'), other(CONNECTS, 'rate')),
    goal(`${name}, rate of 64 B`, 'at least', 0.9, own(ONE_WAY, 'rate'), other(ONE_WAY, 'rate')),
    goal(`${name}, rate of 64 KiB`, 'at least', 0.9, own(ONE_WAY_KIBIBYTES, 'rate'), other(ONE_WAY_KIBIBYTES, 'rate')),
    goal(
      `${name}, rate of 64 KiB, memory kept`,
      'at least',
      0.9,
      measured.withMemoryKept(WEB_SOCKET, ONE_WAY_KIBIBYTES, 'rate'),
      measured.withMemoryKept(REFERENCE, ONE_WAY_KIBIBYTES, 'rate'),
    ),
    goal(`${name}, round trip p50`, 'at most', 1.1, own(ROUND_TRIP, 'p50'), other(ROUND_TRIP, 'p50')),
    ...FRAGMENTED.map((figure) =>
      goal(
        `${PAGE} / ${PAGE_REFERENCE}, ${figure}, receiving`,
        'at most',
        1,
        measured.of(PAGE, figure, 'receiving'),
        measured.of(PAGE_REFERENCE, figure, 'receiving'),
      ),
    ),
    ...[SMALL_CHUNKS, LARGE_CHUNKS].map((figure) =>
      goal(
        `${STREAM} / ${STREAM_REFERENCE}, ${figure.slice('stream, '.length)}`,
        'at least',
        0.9,
        measured.of(STREAM, figure, 'rate'),
        measured.of(STREAM_REFERENCE, figure, 'rate'),
      ),
    ),
  ];
}
