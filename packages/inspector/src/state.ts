import type { InspectedRegion, InspectedRing, InspectedServer, UnreadableRegion } from '@entropynet/transport-shm';

/** What an agent says of a connection; counts since it was made. */
export interface ConnectionReport {
  /** Tells the connections of a process apart. */
  readonly id: number;
  /** The transport: `shared-memory`, `websocket`. */
  readonly backend: string;
  /** The endpoint of its configuration. */
  readonly endpoint: string;
  /** Who called `connect()`. */
  readonly role: 'client' | 'server';
  /** Since when, in milliseconds since the epoch. */
  readonly since: number;
  /** Why not another transport, a sentence each; empty for a first choice, and where the other side chose. */
  readonly why: readonly string[];
  /** Payload bytes accepted for sending. */
  readonly bytesSent: number;
  /** Payload bytes handed to callbacks. */
  readonly bytesReceived: number;
  /** Messages accepted for sending. */
  readonly messagesSent: number;
  /** Messages handed to callbacks. */
  readonly messagesReceived: number;
  /** Bytes that the peer has not shown to have taken: an upper bound of what is under way. */
  readonly unconfirmedBytes: number;
  /** How often a message had to wait, or was refused. */
  readonly waits: number;
  /** How long the last ping and its answer took, in milliseconds; null where the transport has none. */
  readonly roundTripMs: number | null;
}

/** What an agent says of a failure. */
export interface FailureReport {
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  /** The transport. */
  readonly backend: string;
  /** The endpoint of the configuration. */
  readonly endpoint: string;
  /** The code of the `NetworkError`. */
  readonly code: string;
  /** Its sentence. */
  readonly message: string;
}

/** What an agent says of its process. */
export interface ProcessReport {
  /** Its id, as itself sees it. */
  readonly processId: number;
  /** How it is called. */
  readonly name: string;
  /** In milliseconds since the epoch. */
  readonly startedAt: number;
  /** How late the event loop was since the report before, in milliseconds. */
  readonly delay: {
    /** As a rule. */
    readonly p50: number;
    /** At worst, but for one in a hundred. */
    readonly p99: number;
  };
  /** Those that stand. */
  readonly connections: readonly ConnectionReport[];
  /** The newest first. */
  readonly failures: readonly FailureReport[];
}

/** A ring, and how fast it is written. */
export interface RatedRing extends InspectedRing {
  /** Bytes a second, frames' headers included. */
  readonly bytesPerSecond: number;
}

/** A region, and how fast its rings are written. */
export interface RatedRegion extends Omit<InspectedRegion, 'toClient' | 'toServer'> {
  /** What the server sends. */
  readonly toClient: RatedRing;
  /** What the client sends. */
  readonly toServer: RatedRing;
}

/** What an agent last said, and when. */
export interface ProcessState {
  /** When it came, in milliseconds since the epoch. */
  readonly at: number;
  /** What it said. */
  readonly report: ProcessReport;
}

/** What the page is told, once an interval. Plain data. */
export interface InspectorState {
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  /** Processes with an agent. */
  readonly processes: readonly ProcessState[];
  /** Servers at names of this user. */
  readonly servers: readonly InspectedServer[];
  /** Connections through shared memory, seen from outside. */
  readonly regions: readonly RatedRegion[];
  /** Regions that can't be looked into. */
  readonly unreadable: readonly UnreadableRegion[];
  /** Why shared memory can't be looked at; empty where it can. */
  readonly obstacle: string;
}
