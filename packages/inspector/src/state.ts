import type { InspectedRegion, InspectedRing, InspectedServer, UnreadableRegion } from '@entropynet/transport-shm';

/** The counters of one connection since the connection was made. */
export interface ConnectionCounts {
  /** Payload bytes accepted for sending. */
  readonly bytesSent: number;
  /** Payload bytes handed to callbacks. */
  readonly bytesReceived: number;
  /** Messages accepted for sending. */
  readonly messagesSent: number;
  /** Messages handed to callbacks. */
  readonly messagesReceived: number;
  /** The number of messages that had to wait, or were refused. */
  readonly waits: number;
}

/** The values that do not change while a connection lives. */
export interface ConnectionFacts {
  /** The number of the connection in its agent; counts up from 1. */
  readonly id: number;
  /** The transport: `shared-memory`, `websocket`, `nats`. */
  readonly backend: string;
  /** The endpoint of its configuration. */
  readonly endpoint: string;
  /** `client`: this side called `connect()`. */
  readonly role: 'client' | 'server';
  /** The time of its creation, in milliseconds since the epoch. */
  readonly since: number;
}

/** An agent's report of a connection that stands. */
export interface ConnectionReport extends ConnectionFacts, ConnectionCounts {
  /** The same text at both ends of a connection, and different from all others; null if the transport has none. */
  readonly link: string | null;
  /** The peer's address; null if the transport has none. */
  readonly peer: string | null;
  /**
   * The reasons why other transports were passed over, a sentence each. Empty for a first choice, or if the peer chose.
   */
  readonly why: readonly string[];
  /** The bytes that the peer has not confirmed: an upper bound of the bytes in flight. */
  readonly unconfirmedBytes: number;
  /** The round trip of the last ping, in milliseconds; null if the transport has none. */
  readonly roundTripMs: number | null;
  /**
   * The open channels, if there are named ones, and the channels on which a message had to wait. The default one is ''.
   */
  readonly channels: readonly ChannelReport[];
}

/** An agent's report of one channel of a connection. */
export interface ChannelReport {
  /** Its name; '' for the default channel. */
  readonly name: string;
  /** The number of its messages that had to wait, or were refused. */
  readonly waits: number;
  /** The present counters of the channel; null if it is closed, or from agents of earlier releases. */
  readonly now: ChannelCounts | null;
}

/** The counters of an open channel. */
export interface ChannelCounts {
  /** The messages that the transport has taken. */
  readonly messagesSent: number;
  /** Their payload bytes. */
  readonly bytesSent: number;
  /** The bytes that this side may send before the peer returns window. */
  readonly window: number;
  /** Messages that wait to be written. */
  readonly queued: number;
  /** The frames that have arrived and that no consumer has read. */
  readonly parked: number;
}

/** An agent's report of a connection that has ended. */
export interface EndedReport extends ConnectionFacts, ConnectionCounts {
  /** The time of its end, in milliseconds since the epoch. */
  readonly endedAt: number;
  /** The code of the `NetworkError` that ended it; empty after a goodbye of either side. */
  readonly code: string;
  /** The sentence of that error; empty after a goodbye. */
  readonly message: string;
}

/** An agent's report of a failure. */
export interface FailureReport {
  /** The number of the failure in its agent; counts up from 1. */
  readonly id: number;
  /** The time of the failure, in milliseconds since the epoch. */
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

/** The counters of an agent since its start, for all of its connections. */
export interface ProcessTotals extends ConnectionCounts {
  /** Connections that reached `connected`. */
  readonly opened: number;
  /** Connections that have ended. */
  readonly ended: number;
  /** Connections and attempts to connect that failed. */
  readonly failed: number;
}

/** An agent's report of its process or thread. */
export interface ProcessReport {
  /**
   * The id of the process, as the process itself sees it. Threads share it, and processes of other namespaces may have
   * the same one.
   */
  readonly processId: number;
  /** The thread: 0 is the main thread. */
  readonly threadId: number;
  /** The name of the agent, by default the file of its program. */
  readonly name: string;
  /** The start of the process, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** The time of the report, in milliseconds of a clock of this agent that never goes back. */
  readonly measuredAt: number;
  /** The interval of the agent's reports, in milliseconds. */
  readonly intervalMs: number;
  /** The delay of the event loop since the report before, in milliseconds. */
  readonly delay: {
    /** Median. */
    readonly p50: number;
    /** 99th percentile. */
    readonly p99: number;
  };
  /** The counters since the agent started. */
  readonly totals: ProcessTotals;
  /**
   * The number of connections that stand. It is larger than the length of `connections` if the agent reached a limit.
   */
  readonly connectionCount: number;
  /** The connections that stand, the oldest first. */
  readonly connections: readonly ConnectionReport[];
  /** The last ones that ended, the newest first. */
  readonly ended: readonly EndedReport[];
  /** The last failures, the newest first. */
  readonly failures: readonly FailureReport[];
}

/** A ring and its rate. */
export interface RatedRing extends InspectedRing {
  /** Bytes a second, including the frames' headers. */
  readonly bytesPerSecond: number;
}

/** A region and the rates of its rings. */
export interface RatedRegion extends Omit<InspectedRegion, 'toClient' | 'toServer'> {
  /** The ring that the server writes. */
  readonly toClient: RatedRing;
  /** The ring that the client writes. */
  readonly toServer: RatedRing;
}

/** The last report of an agent. */
export interface ProcessState {
  /**
   * The key of the agent. The inspector assigns it, so that two agents never have the same one.
   */
  readonly key: string;
  /** The time at which the report arrived, in milliseconds since the epoch. */
  readonly at: number;
  /** The report. */
  readonly report: ProcessReport;
}

/** The agent of a report. It may have gone. */
export interface AgentName {
  /** The `key` of its `ProcessState`. */
  readonly key: string;
  /** From its report. */
  readonly name: string;
  /** From its report. */
  readonly processId: number;
  /** From its report. */
  readonly threadId: number;
}

/** A connection that has ended, in the inspector's list. */
export interface EndedState extends EndedReport {
  /** The agent that reported it. */
  readonly agent: AgentName;
}

/** A failure, in the inspector's list. */
export interface FailureState extends FailureReport {
  /** The agent that reported it. */
  readonly agent: AgentName;
}

/** The state that the page gets once an interval. Plain data. */
export interface InspectorState {
  /** The time of the state, in milliseconds since the epoch. */
  readonly at: number;
  /** Every agent that is connected, also one that is silent. */
  readonly processes: readonly ProcessState[];
  /** The number of connections that were left out, because the state would be too large for a page. */
  readonly leftOut: number;
  /** Connections that ended, the newest first, also those of agents that have gone. */
  readonly ended: readonly EndedState[];
  /** Failures, the newest first, also those of agents that have gone. */
  readonly failures: readonly FailureState[];
  /** Servers at names of this user. */
  readonly servers: readonly InspectedServer[];
  /** The connections through shared memory, observed from outside. */
  readonly regions: readonly RatedRegion[];
  /** The regions that the inspector can't read. */
  readonly unreadable: readonly UnreadableRegion[];
  /** The reason why the inspector can't read shared memory; empty if it can. */
  readonly obstacle: string;
}
