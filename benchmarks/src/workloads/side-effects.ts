import { performance } from 'node:perf_hooks';
import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL } from '@entropynet/core';
import { latencies, medianOf } from '../measurement.js';
import { messageFor, type Session } from '../session.js';
import { type Port, Task } from '../subject.js';
import type { Workload } from './workload.js';

const UPLOAD_MESSAGE_BYTES = 65_536;
const CONTROL_ROUND_TRIPS = 2000;
/**
 * Until both sides' code is compiled, for more than a second: without them the p99 would show the compiler, which shares
 * the processor of the pinned process.
 */
const CONTROL_WARM_UP_ROUND_TRIPS = 2500;
const FLOOD_MS = 500;
/** Few enough that all of them together, at 400 bytes each, stay below V8's smallest young generation of 1 MiB. */
const ALLOCATED_MESSAGES = 1000;
const ALLOCATION_ROUNDS = 9;
const ALLOCATION_WARM_UP_MESSAGES = 50_000;

/** Round trips on the control channel while another channel is saturated. */
export const controlUnderUpload: Workload = {
  name: 'control',
  isQuick: false,
  applies: (_subject, session) => session.port.openChannel !== undefined,
  async run(session) {
    const upload = await openChannel(session, CHANNEL_ASSET_UPLOAD);
    const control = await openChannel(session, CHANNEL_CONTROL);
    const samples = new Float64Array(CONTROL_ROUND_TRIPS);
    // Made once: the driver's own garbage would be measured with it.
    const uploaded = messageFor(Task.Count, UPLOAD_MESSAGE_BYTES);
    let sent = 0;
    let isOver = false;
    const startedAt = performance.now();
    const uploading = (async () => {
      while (!isOver) {
        await session.flood(32, uploaded, upload);
        sent += 32;
      }
    })();
    await new Promise<void>((resolve) => {
      const message = messageFor(Task.Echo);
      let done = -CONTROL_WARM_UP_ROUND_TRIPS;
      let sentAt = performance.now();
      const ping = (): void => {
        sentAt = performance.now();
        if (!control.send(message)) control.whenWritable(ping);
      };
      control.onMessage(() => {
        if (done >= 0) samples[done] = (performance.now() - sentAt) * 1000;
        done += 1;
        if (done === CONTROL_ROUND_TRIPS) resolve();
        // After a turn of the event loop, so that the upload goes on.
        else setImmediate(ping);
      });
      ping();
    });
    isOver = true;
    await uploading;
    const received = await session.ask(Task.Total);
    const seconds = (performance.now() - startedAt) / 1000;
    if (received !== sent) throw new Error(`${sent} messages were uploaded and ${received} arrived whole`);
    return [
      ...latencies('control round trip under upload', samples),
      // An upload that waits makes short round trips, and one that holds the event loop makes few of them. Neither shows
      // in the times of the round trips.
      { figure: 'upload beside control round trips', statistic: 'rate', unit: '/s', value: sent / seconds },
      {
        figure: 'control round trips under upload',
        statistic: 'rate',
        unit: '/s',
        value: (CONTROL_WARM_UP_ROUND_TRIPS + CONTROL_ROUND_TRIPS) / seconds,
      },
    ];
  },
};

/** What a flood does to the receiver: late timers, garbage collections. */
export const flood: Workload = {
  name: 'flood',
  isQuick: false,
  async run(session) {
    const trial = await session.oneWay(20_000);
    const count = Math.ceil((trial * FLOOD_MS) / 1000);
    await session.request(Task.Watch);
    await session.oneWay(count);
    const [p50 = 0, p99 = 0, collections = 0, totalMs = 0, longestMs = 0] = await session.request(Task.Watched);
    return [
      { figure: 'timer delay under flood', statistic: 'p50', unit: 'ms', value: p50 },
      { figure: 'timer delay under flood', statistic: 'p99', unit: 'ms', value: p99 },
      {
        figure: 'collections per million messages',
        statistic: 'count',
        unit: 'count',
        value: (collections * 1e6) / count,
      },
      { figure: 'collecting per million messages', statistic: 'time', unit: 'ms', value: (totalMs * 1e6) / count },
      { figure: 'longest collection under flood', statistic: 'time', unit: 'ms', value: longestMs },
    ];
  },
};

/** Bytes that one message leaves on the receiver's heap. */
export const allocation: Workload = {
  name: 'allocation',
  isQuick: false,
  async run(session) {
    // Code that is not compiled yet makes garbage of its own.
    await session.oneWay(ALLOCATION_WARM_UP_MESSAGES);
    const grown: number[] = [];
    for (let round = 0; round < ALLOCATION_ROUNDS; round += 1) {
      // The watch collects first: the young generation is empty, and what follows fits into it.
      await session.request(Task.Watch);
      await session.oneWay(ALLOCATED_MESSAGES);
      const [, , , , , heapBytes = 0] = await session.request(Task.Watched);
      grown.push(heapBytes);
    }
    const value = Math.max(0, medianOf(grown)) / ALLOCATED_MESSAGES;
    return [{ figure: 'heap bytes per message received', statistic: 'bytes', unit: 'B', value }];
  },
};

async function openChannel(session: Session, name: string): Promise<Omit<Port, 'close'>> {
  const channel = await session.port.openChannel?.(name);
  if (channel === undefined) throw new Error(`there is no channel ${name}`);
  return channel;
}
