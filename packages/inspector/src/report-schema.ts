import { printable } from '@entropynet/core';
import * as z from 'zod';
import type { ProcessReport } from './state.js';

/** Where agents look for an inspector: one for each user of a machine. */
export const INSPECTOR_ENDPOINT = 'entropynet-inspector';

/** The limits of one report: what an agent reports at most, and what an inspector takes. */
export const ReportLimit = {
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

/** An agent may be anybody of this user: its texts can't hide or turn around what the page shows. */
const text = z
  .string()
  .max(ReportLimit.Characters)
  .transform((value) => printable(value, ReportLimit.Characters));
const count = z.number().nonnegative();

const counts = {
  bytesSent: count,
  bytesReceived: count,
  messagesSent: count,
  messagesReceived: count,
  waits: count,
};

const facts = {
  id: z.number().int(),
  backend: text,
  endpoint: text,
  role: z.enum(['client', 'server']),
  since: z.number(),
};

/** What an agent sends. The inspector drops a report with anything wrong in it, and every key that is not listed. */
export const reportSchema: z.ZodType<ProcessReport> = z.object({
  processId: z.number().int().positive(),
  threadId: z.number().int().nonnegative(),
  name: text,
  startedAt: z.number(),
  measuredAt: count,
  intervalMs: count,
  delay: z.object({ p50: count, p99: count }),
  totals: z.object({ ...counts, opened: count, ended: count, failed: count }),
  connectionCount: count,
  connections: z
    .array(
      z.object({
        ...facts,
        ...counts,
        link: text.nullable(),
        peer: text.nullable(),
        why: z.array(text).max(ReportLimit.Reasons),
        unconfirmedBytes: count,
        roundTripMs: count.nullable(),
        channels: z.array(z.object({ name: text, waits: count })).max(ReportLimit.Channels),
      }),
    )
    .max(ReportLimit.Connections),
  ended: z
    .array(z.object({ ...facts, ...counts, endedAt: z.number(), code: text, message: text }))
    .max(ReportLimit.Ended),
  failures: z
    .array(z.object({ id: z.number().int(), at: z.number(), backend: text, endpoint: text, code: text, message: text }))
    .max(ReportLimit.Failures),
});
