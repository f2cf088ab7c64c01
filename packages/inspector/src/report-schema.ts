import * as z from 'zod';
import type { ProcessReport } from './state.js';

/** Where agents look for an inspector: one for each user of a machine. */
export const INSPECTOR_ENDPOINT = 'entropynet-inspector';

const MOST_CONNECTIONS = 1000;
const MOST_FAILURES = 100;
const text = z.string().max(500);
const count = z.number().nonnegative();

/** What an agent sends: whatever else comes is left out. */
export const reportSchema: z.ZodType<ProcessReport> = z.object({
  processId: z.number().int().positive(),
  name: text,
  startedAt: z.number(),
  delay: z.object({ p50: count, p99: count }),
  connections: z
    .array(
      z.object({
        id: z.number().int(),
        backend: text,
        endpoint: text,
        role: z.enum(['client', 'server']),
        since: z.number(),
        why: z.array(text).max(20),
        bytesSent: count,
        bytesReceived: count,
        messagesSent: count,
        messagesReceived: count,
        unconfirmedBytes: count,
        waits: count,
        roundTripMs: count.nullable(),
      }),
    )
    .max(MOST_CONNECTIONS),
  failures: z
    .array(z.object({ at: z.number(), backend: text, endpoint: text, code: text, message: text }))
    .max(MOST_FAILURES),
});
