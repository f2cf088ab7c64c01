import { resolve } from 'node:path';
import { type Complete, defineTransportSection, optionSchemas } from '@entropynet/core';
import * as v from './valibot.js';

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
   * Users whose processes a server admits in addition to those of its own user, by name or number. The configuration
   * must name the directory, and the server gives these users the access to it that they need. Not on Windows.
   */
  allowedUsers?: readonly (string | number)[] | undefined;
  /** The same for the members of groups, by name or number. */
  allowedGroups?: readonly (string | number)[] | undefined;
  /**
   * The user that the server must run as, by name or number. A client connects to no other server, and a server of
   * another user does not listen. The default is the user of this process. Not on Windows.
   */
  serverUser?: string | number | undefined;
  /**
   * Whether other servers may listen at the same endpoint if they set it too. Each client gets one of them at random.
   * So a new server can replace one that closes, and no `connect()` fails in between.
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
export type SharedMemoryConfig = Complete<SharedMemoryOptions, 'directory' | 'serverUser'>;

/** The largest number of a user or group. The next number means "no account". */
const MAX_ACCOUNT = 2 ** 32 - 2;

function account(allowed: string): v.GenericSchema<string | number> {
  return v.union([text(1), wholeNumber(0, MAX_ACCOUNT)], allowed);
}

function accounts(kind: 'users' | 'groups'): v.ArraySchema<v.GenericSchema<string | number>, string> {
  return v.array(
    account(`names and numbers of ${kind} are allowed`),
    `a list of names and numbers of ${kind} is allowed`,
  );
}

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
  allowedUsers: v.optional(accounts('users'), []),
  allowedGroups: v.optional(accounts('groups'), []),
  serverUser: v.optional(account("a user's name or number is allowed")),
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
