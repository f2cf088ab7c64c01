import { resolve } from 'node:path';
import { type Complete, defineTransportSection, optionSchemas } from '@entropynet/core';
import * as v from 'valibot';

const { byteCount, durationMs, flag, oneOf, section, text, wholeNumber } = optionSchemas;

const KIB = 1024;
const MIB = 1024 * KIB;
/** The largest region, so that every position in it is a positive 32-bit integer. */
const MAX_REGION_BYTES = 1024 * MIB;

/** The section `sharedMemory` of a configuration, as a user writes it. */
export interface SharedMemoryOptions {
  /** Bytes of a connection's region, which contains both rings; the smaller value of both ends counts. */
  regionSize?: number | undefined;
  /**
   * Whether to touch every page of the region when a connection is made, so that no later message has to wait for the
   * system to add a page.
   */
  prefault?: boolean | undefined;
  /** Whether to work on the region itself or on a copy of it; `auto` uses the region if the runtime allows it. */
  access?: 'auto' | 'direct' | 'copied' | undefined;
  /** How a receiver waits: `adaptive` polls while that pays off, `sleep` sleeps at once, and `spin` never sleeps. */
  wait?: 'adaptive' | 'sleep' | 'spin' | undefined;
  /** How long one window of polling lasts, in microseconds. */
  pollMicroseconds?: number | undefined;
  /**
   * The directory in which clients find servers. A relative path starts from the current working directory. The default
   * is `$XDG_RUNTIME_DIR/entropynet`, or `entropynet-<user id>` in the temporary directory.
   */
  directory?: string | undefined;
  /**
   * Whether other servers may listen at the same endpoint if they set it too. Each client gets one of them at random. A new
   * server can so take over from one that closes, without a failed `connect()` between.
   */
  share?: boolean | undefined;
  /** The most connections of a server, including granted handshakes. */
  maxConnections?: number | undefined;
  /** How long a server waits for a client's handshake, in milliseconds. */
  handshakeTimeoutMs?: number | undefined;
  /** How long a peer may read nothing before this side reports it as `unresponsive`, in milliseconds. */
  unresponsiveAfterMs?: number | undefined;
}

/** The section `sharedMemory`, complete. */
export type SharedMemoryConfig = Complete<SharedMemoryOptions, 'directory'>;

const optionsSchema = section({
  regionSize: v.optional(byteCount(64 * KIB, MAX_REGION_BYTES), 4 * MIB),
  prefault: v.optional(flag(), false),
  access: v.optional(oneOf('auto', 'direct', 'copied'), 'auto'),
  wait: v.optional(oneOf('adaptive', 'sleep', 'spin'), 'adaptive'),
  pollMicroseconds: v.optional(wholeNumber(1, 1000), 50),
  directory: v.optional(
    v.pipe(
      text(1),
      v.transform((directory) => resolve(directory)),
    ),
  ),
  share: v.optional(flag(), false),
  maxConnections: v.optional(wholeNumber(1, 65_536), 1024),
  handshakeTimeoutMs: v.optional(durationMs(), 5000),
  unresponsiveAfterMs: v.optional(durationMs(), 2000),
});

/** The section `sharedMemory` of a configuration. */
export const sharedMemorySection = defineTransportSection({ optionsKey: 'sharedMemory', optionsSchema });

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
