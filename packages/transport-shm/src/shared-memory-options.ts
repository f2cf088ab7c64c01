import { resolve } from 'node:path';
import { defineTransportSection, optionSchemas } from '@entropynet/core';
import * as v from 'valibot';

const { durationMs, flag, oneOf, section, text, wholeNumber } = optionSchemas;

const KIB = 1024;
const MIB = 1024 * KIB;
/** The largest region, so that every position in it is a positive 32-bit integer. */
const MAX_REGION_BYTES = 1024 * MIB;

const optionsSchema = section({
  /** Bytes of a connection's region, both rings; the smaller value of both ends counts. */
  regionSize: v.optional(wholeNumber(64 * KIB, MAX_REGION_BYTES), 4 * MIB),
  /** Touches every page of the region when a connection is made, so that no message pays for it. */
  prefault: v.optional(flag(), false),
  /** Works on the region itself or on a copy of it; `auto`: on the region where the runtime allows it. */
  access: v.optional(oneOf('auto', 'direct', 'copied'), 'auto'),
  /** How a receiver waits: polls while it pays off, sleeps at once, or never sleeps. */
  wait: v.optional(oneOf('adaptive', 'sleep', 'spin'), 'adaptive'),
  /** How long one window of polling lasts, in microseconds. */
  pollMicroseconds: v.optional(wholeNumber(1, 1000), 50),
  /** The folder where servers are found, a relative one from the working directory of this moment; without it `$XDG_RUNTIME_DIR/entropynet`, or one of the user's in the temporary folder. */
  directory: v.optional(
    v.pipe(
      text(1),
      v.transform((directory) => resolve(directory)),
    ),
  ),
  /** Connections that a server has at most, granted handshakes included. */
  maxConnections: v.optional(wholeNumber(1, 65_536), 1024),
  /** How long a server waits for a client's handshake, in milliseconds. */
  handshakeTimeoutMs: v.optional(durationMs(), 5000),
  /** How long a peer may read nothing before it is reported as `unresponsive`, in milliseconds. */
  unresponsiveAfterMs: v.optional(durationMs(), 2000),
});

/** The section `sharedMemory` of a configuration. */
export const sharedMemorySection = defineTransportSection({ optionsKey: 'sharedMemory', optionsSchema });

/** The section `sharedMemory`, as a user writes it. */
export type SharedMemoryOptions = v.InferInput<typeof optionsSchema>;

/** The section `sharedMemory`, complete. */
export type SharedMemoryConfig = v.InferOutput<typeof optionsSchema>;

declare module '@entropynet/core' {
  interface TransportSections {
    /** Options of the shared-memory transport. */
    sharedMemory?: SharedMemoryOptions | undefined;
  }

  interface ResolvedTransportSections {
    /** Options of the shared-memory transport, complete. */
    readonly sharedMemory: SharedMemoryConfig;
  }
}
