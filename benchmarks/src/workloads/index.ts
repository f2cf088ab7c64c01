import { connects } from './connects.js';
import { fragments } from './fragments.js';
import { idle } from './idle.js';
import { paced, pipelined, roundTrip, untouched } from './latency.js';
import { allocation, controlUnderUpload, flood } from './side-effects.js';
import { oneWay, sizes, streams } from './throughput.js';
import type { Workload } from './workload.js';

/** Every workload of one connection, in the order in which a session goes through them. */
export const workloads: readonly Workload[] = [
  roundTrip,
  pipelined,
  oneWay,
  sizes,
  streams,
  fragments,
  paced,
  untouched,
  controlUnderUpload,
  flood,
  allocation,
  idle,
  connects,
];
