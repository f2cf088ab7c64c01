import type { Result } from '../measurement.js';
import { bareRingGoals } from './bare-ring-goals.js';
import type { Goal } from './goal.js';
import { limitGoals } from './limit-goals.js';
import { loadGoals } from './load-goals.js';
import { Measured } from './measured.js';
import { nativeGoals } from './native-goals.js';
import { natsGoals } from './nats-goals.js';
import { peerGoals } from './peer-goals.js';
import { webSocketGoals } from './web-socket-goals.js';

export { type Goal, isMet } from './goal.js';

/**
 * Returns all goals, each with the ratio that this run reached.
 * @param peers the names of the subjects that stand for other ways between two processes
 */
export function goalsOf(results: readonly Result[], peers: readonly string[]): Goal[] {
  const measured = new Measured(results);
  return [
    ...limitGoals(measured),
    ...bareRingGoals(measured),
    ...nativeGoals(measured),
    ...peerGoals(measured, peers),
    ...webSocketGoals(measured),
    ...natsGoals(measured),
    ...loadGoals(measured),
  ];
}
