import type { ConnectionReport, InspectorState, ProcessState } from '@entropynet/inspector';

/** A report of a connection with everything at rest. */
export function connectionReport(own: Partial<ConnectionReport> = {}): ConnectionReport {
  return {
    id: 1,
    backend: 'websocket',
    endpoint: 'ws://127.0.0.1:1/',
    role: 'client',
    since: 1000,
    bytesSent: 0,
    bytesReceived: 0,
    messagesSent: 0,
    messagesReceived: 0,
    waits: 0,
    link: null,
    peer: null,
    why: [],
    unconfirmedBytes: 0,
    roundTripMs: null,
    channels: [],
    ...own,
  };
}

/** An agent that reports these connections. */
export function processState(
  key: string,
  measuredAt: number,
  connections: readonly ConnectionReport[],
  own: Partial<ProcessState['report']> = {},
): ProcessState {
  return {
    key,
    at: 1_000_000 + measuredAt,
    report: {
      processId: 7,
      threadId: 0,
      name: `program-${key}`,
      startedAt: 0,
      measuredAt,
      intervalMs: 1000,
      delay: { p50: 0, p99: 0 },
      totals: {
        bytesSent: 0,
        bytesReceived: 0,
        messagesSent: 0,
        messagesReceived: 0,
        waits: 0,
        opened: connections.length,
        ended: 0,
        failed: 0,
      },
      connectionCount: connections.length,
      connections,
      ended: [],
      failures: [],
      ...own,
    },
  };
}

/** What the page gets when these agents are there and nothing else. */
export function inspectorState(processes: readonly ProcessState[], own: Partial<InspectorState> = {}): InspectorState {
  return {
    at: 1_000_000,
    processes,
    leftOut: 0,
    ended: [],
    failures: [],
    servers: [],
    regions: [],
    unreadable: [],
    obstacle: '',
    ...own,
  };
}
