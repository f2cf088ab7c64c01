import { printable } from '@entropynet/core';
import * as v from 'valibot';
import type { ProcessReport } from './state.js';

/** The endpoint at which agents look for an inspector: one for each user of a machine. */
export const INSPECTOR_ENDPOINT = 'entropynet-inspector';

/** The limits of one report, for agents and inspectors. */
export const ReportLimit = {
  /** The encoded report: the default length of a message, which agents of earlier releases have, too. */
  Bytes: 16 * 1024 * 1024,
  /** Connections that stand. */
  Connections: 10_000,
  /** Connections that have ended. */
  Ended: 200,
  /** Failures. */
  Failures: 50,
  /** Channels of one connection. */
  Channels: 100,
  /** Transports that were passed over. */
  Reasons: 20,
  /** Characters of one text. */
  Characters: 500,
} as const;

/** Any process of this user may be an agent, so its texts must not hide or reorder what the page shows. */
const text = v.pipe(
  v.string(),
  v.maxLength(ReportLimit.Characters),
  v.transform((value) => printable(value, ReportLimit.Characters)),
);
const finite = v.pipe(v.number(), v.finite());
const count = v.pipe(finite, v.minValue(0));
/** The last time that a `Date` of JavaScript supports. The page could not show a later one and would stay empty. */
const MOST_TIME = 8.64e15;
const time = v.pipe(count, v.maxValue(MOST_TIME));
const whole = v.pipe(v.number(), v.integer());

const counts = {
  bytesSent: count,
  bytesReceived: count,
  messagesSent: count,
  messagesReceived: count,
  waits: count,
};

const facts = {
  id: whole,
  backend: text,
  endpoint: text,
  role: v.picklist(['client', 'server']),
  since: time,
};

const channelCounts = v.object({
  messagesSent: count,
  bytesSent: count,
  window: count,
  queued: count,
  parked: count,
});

const connection = v.object({
  ...facts,
  ...counts,
  link: v.nullable(text),
  peer: v.nullable(text),
  why: atMost(ReportLimit.Reasons, text),
  unconfirmedBytes: count,
  roundTripMs: v.nullable(count),
  channels: atMost(
    ReportLimit.Channels,
    v.object({ name: text, waits: count, now: v.optional(v.nullable(channelCounts), null) }),
  ),
});

/** The schema of an agent's report. The inspector drops a report with a fault, and every unknown key. */
export const reportSchema: v.GenericSchema<unknown, ProcessReport> = v.object({
  processId: v.pipe(whole, v.minValue(1)),
  threadId: v.pipe(whole, v.minValue(0)),
  name: text,
  startedAt: time,
  measuredAt: count,
  intervalMs: count,
  delay: v.object({ p50: count, p99: count }),
  totals: v.object({ ...counts, opened: count, ended: count, failed: count }),
  connectionCount: count,
  connections: atMost(ReportLimit.Connections, connection),
  ended: atMost(ReportLimit.Ended, v.object({ ...facts, ...counts, endedAt: time, code: text, message: text })),
  failures: atMost(
    ReportLimit.Failures,
    v.object({ id: whole, at: time, backend: text, endpoint: text, code: text, message: text }),
  ),
});

/** Returns the schema of a list. It checks the length before the elements. */
function atMost<S extends v.GenericSchema>(most: number, element: S): v.GenericSchema<unknown, v.InferOutput<S>[]> {
  return v.pipe(
    v.unknown(),
    v.check((list) => Array.isArray(list) && list.length <= most),
    v.array(element),
  );
}
