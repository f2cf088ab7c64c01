import type { InspectedRegion, InspectedRing, InspectedServer, UnreadableRegion } from '@entropynet/transport-shm';

/** What an agent counts of one connection, since the connection was made. */
export interface ConnectionCounts {
  /** Payload bytes accepted for sending. */
  readonly bytesSent: number;
  /** Payload bytes handed to callbacks. */
  readonly bytesReceived: number;
  /** Messages accepted for sending. */
  readonly messagesSent: number;
  /** Messages handed to callbacks. */
  readonly messagesReceived: number;
  /** How often a message had to wait, or was refused. */
  readonly waits: number;
}

/** What does not change while a connection lives. */
export interface ConnectionFacts {
  /** Tells the connections of one agent apart; counts up from 1. */
  readonly id: number;
  /** The transport: `shared-memory`, `websocket`, `nats`. */
  readonly backend: string;
  /** The endpoint of its configuration. */
  readonly endpoint: string;
  /** `client`: this side called `connect()`. */
  readonly role: 'client' | 'server';
  /** When it was made, in milliseconds since the epoch. */
  readonly since: number;
}

/** What an agent reports of a connection that stands. */
export interface ConnectionReport extends ConnectionFacts, ConnectionCounts {
  /** The same text at both ends of a connection, and at no other; null where the transport has none. */
  readonly link: string | null;
  /** The peer's address; null where the transport has none. */
  readonly peer: string | null;
  /** Why other transports were passed over, a sentence each. Empty for a first choice, and where the peer chose. */
  readonly why: readonly string[];
  /** Bytes that the peer has not confirmed: an upper bound of what is under way. */
  readonly unconfirmedBytes: number;
  /** How long the last ping and its answer took, in milliseconds; null where the transport has none. */
  readonly roundTripMs: number | null;
  /** The open channels, where there are named ones, and channels on which a message had to wait; the default one is ''. */
  readonly channels: readonly ChannelReport[];
}

/** What an agent reports of one channel of a connection. */
export interface ChannelReport {
  /** Its name; '' for the default channel. */
  readonly name: string;
  /** How often a message had to wait on it, or was refused. */
  readonly waits: number;
  /** What was sent on it and what waits on it now; null where it is closed, and from agents of earlier releases. */
  readonly now: ChannelCounts | null;
}

/** What an agent counts of an open channel. */
export interface ChannelCounts {
  /** Messages that the transport has taken. */
  readonly messagesSent: number;
  /** Their payload bytes. */
  readonly bytesSent: number;
  /** Bytes that may be sent before the peer gives window back. */
  readonly window: number;
  /** Messages that wait to be written. */
  readonly queued: number;
  /** Frames that have arrived and that nobody has read. */
  readonly parked: number;
}

/** What an agent reports of a connection that has ended. */
export interface EndedReport extends ConnectionFacts, ConnectionCounts {
  /** When it ended, in milliseconds since the epoch. */
  readonly endedAt: number;
  /** The code of the `NetworkError` that ended it; empty after a goodbye of either side. */
  readonly code: string;
  /** The sentence of that error; empty after a goodbye. */
  readonly message: string;
}

/** What an agent reports of a failure. */
export interface FailureReport {
  /** Tells the failures of one agent apart; counts up from 1. */
  readonly id: number;
  /** When it happened, in milliseconds since the epoch. */
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

/** What an agent has counted since it started, of connections that stand and of those that have ended. */
export interface ProcessTotals extends ConnectionCounts {
  /** Connections that reached `connected`. */
  readonly opened: number;
  /** Connections that have ended. */
  readonly ended: number;
  /** Connections and attempts to connect that failed. */
  readonly failed: number;
}

/** What an agent reports of its process, or of its thread. */
export interface ProcessReport {
  /** The process's id, as the process itself sees it. Threads share it, and so may processes of other namespaces. */
  readonly processId: number;
  /** The thread: 0 is the main thread. */
  readonly threadId: number;
  /** The name that the agent was given, by default the file of its program. */
  readonly name: string;
  /** When the process started, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** When the report was made, in milliseconds of a clock of this agent that never goes back. */
  readonly measuredAt: number;
  /** How often the agent reports, in milliseconds. */
  readonly intervalMs: number;
  /** How late the event loop was since the report before, in milliseconds. */
  readonly delay: {
    /** Median. */
    readonly p50: number;
    /** 99th percentile. */
    readonly p99: number;
  };
  /** What was counted since the agent started. */
  readonly totals: ProcessTotals;
  /** How many connections stand; more than `connections` has where the agent reaches its limit. */
  readonly connectionCount: number;
  /** Those that stand, the oldest first. */
  readonly connections: readonly ConnectionReport[];
  /** The last ones that ended, the newest first. */
  readonly ended: readonly EndedReport[];
  /** The last failures, the newest first. */
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

/** The last report of an agent. */
export interface ProcessState {
  /** Tells agents apart. The inspector gives it, so that two agents never share one, whatever they report. */
  readonly key: string;
  /** When the report came, in milliseconds since the epoch. */
  readonly at: number;
  /** The report. */
  readonly report: ProcessReport;
}

/** The agent that something is about; it may have gone. */
export interface AgentName {
  /** As of its `ProcessState`. */
  readonly key: string;
  /** As of its report. */
  readonly name: string;
  /** As of its report. */
  readonly processId: number;
  /** As of its report. */
  readonly threadId: number;
}

/** A connection that has ended, as the inspector remembers it. */
export interface EndedState extends EndedReport {
  /** The agent that reported it. */
  readonly agent: AgentName;
}

/** A failure, as the inspector remembers it. */
export interface FailureState extends FailureReport {
  /** The agent that reported it. */
  readonly agent: AgentName;
}

/** What the page gets, once an interval. Plain data. */
export interface InspectorState {
  /** When it was made, in milliseconds since the epoch. */
  readonly at: number;
  /** Every agent that is connected, also one that is silent. */
  readonly processes: readonly ProcessState[];
  /** How many connections were left out, because this is more than a page can take. */
  readonly leftOut: number;
  /** Connections that ended, the newest first, also those of agents that have gone. */
  readonly ended: readonly EndedState[];
  /** Failures, the newest first, also those of agents that have gone. */
  readonly failures: readonly FailureState[];
  /** Servers at names of this user. */
  readonly servers: readonly InspectedServer[];
  /** Connections through shared memory, seen from outside. */
  readonly regions: readonly RatedRegion[];
  /** Regions that can't be looked into. */
  readonly unreadable: readonly UnreadableRegion[];
  /** Why shared memory can't be looked at; empty where it can. */
  readonly obstacle: string;
}
