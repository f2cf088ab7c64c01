import type { AgentName, ConnectionReport, InspectorState, ProcessState, RatedRegion } from '@entropynet/inspector';
import { connectionKey, type History, waitingInRing } from './history.js';

/** One end of a connection, with the known facts of the other end. */
export interface ConnectionRow {
  readonly key: string;
  readonly connection: ConnectionReport;
  /** The process, and the thread if it is not the main one. */
  readonly process: string;
  /** The row of the other end; undefined if its process has no agent. */
  readonly peerKey: string | undefined;
  /** The other end: its process, or at least its address. */
  readonly peer: string;
  /** The server of this connection. The text is the same at both ends. */
  readonly server: string;
  /** The region of the connection, observed from outside. */
  readonly region: RatedRegion | undefined;
  /** Bytes and messages a second; 0 before the second report. */
  readonly sent: number;
  readonly received: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** The latency of a byte, in milliseconds. Null if it is unknown. */
  readonly waiting: number | null;
  readonly isStalled: boolean;
  /** Whether the agent is late by more than its interval explains. */
  readonly isSilent: boolean;
}

/** An agent counts as silent after this number of its intervals. */
const PATIENCE_INTERVALS = 3;
const LEAST_PATIENCE_MS = 3000;

/** Returns the connections of all agents, with a row for each end, the oldest first within a process. */
export function connectionRows(state: InspectorState, history: History): ConnectionRow[] {
  const regions = new Map(state.regions.map((region) => [region.linkKey, region]));
  const ends = state.processes.flatMap((process) =>
    process.report.connections.map((connection) => ({ process, connection })),
  );
  const byLink = new Map<string, typeof ends>();
  for (const end of ends) {
    const { link } = end.connection;
    if (link !== null) byLink.set(link, [...(byLink.get(link) ?? []), end]);
  }
  return ends.map((end) => {
    const { process, connection } = end;
    const key = connectionKey(process.key, connection.id);
    const region = connection.link === null ? undefined : regions.get(connection.link);
    const linked = connection.link === null ? [] : (byLink.get(connection.link) ?? []);
    // Only two matching ends are a pair, because a report of an agent may be false.
    const other = linked.find((each) => each !== end && each.connection.role !== connection.role);
    const peer = linked.length === 2 ? other : undefined;
    const rate = (field: 'sent' | 'received' | 'messagesSent' | 'messagesReceived'): number =>
      history.newest(key, field) || 0;
    const outgoing = connection.role === 'client' ? region?.toServer : region?.toClient;
    const serverEnd = connection.role === 'server' ? end : peer;
    return {
      key,
      connection,
      process: processLabel(process.report),
      peerKey: peer && connectionKey(peer.process.key, peer.connection.id),
      peer: peer ? processLabel(peer.process.report) : peerOf(connection, region),
      server: serverEnd
        ? `${serverEnd.connection.endpoint} · ${processLabel(serverEnd.process.report)}`
        : connection.endpoint,
      region,
      sent: rate('sent'),
      received: rate('received'),
      messagesSent: rate('messagesSent'),
      messagesReceived: rate('messagesReceived'),
      waiting: outgoing ? waitingInRing(outgoing) : null,
      isStalled: region !== undefined && (region.toClient.isStalled || region.toServer.isStalled),
      isSilent: isSilent(process, state.at),
    };
  });
}

export function isSilent({ at, report }: ProcessState, now: number): boolean {
  return now - at > Math.max(LEAST_PATIENCE_MS, PATIENCE_INTERVALS * report.intervalMs);
}

/** Returns a process in a form for people: the name, its id, and the thread if it is not the main one. */
export function processLabel({ name, processId, threadId }: Omit<AgentName, 'key'>): string {
  return `${name} (${processId}${threadId === 0 ? '' : `, thread ${threadId}`})`;
}

/** Returns the name of a process without an agent: its command, its id, and its language with the version of its library. */
export function outsideLabel(process: RatedRegion['server'], library: string | undefined): string {
  const spoken = library === undefined ? '' : ` · ${library}`;
  if (process === undefined) return `unknown${spoken}`;
  const command = process.command
    .split(' ')
    .filter((word) => !word.startsWith('-'))
    .slice(0, 2)
    .map((word) => word.slice(word.lastIndexOf('/') + 1))
    .join(' ');
  return `${command === '' ? 'process' : command} (${process.id})${spoken}`;
}

function peerOf({ role, peer, backend }: ConnectionReport, region: RatedRegion | undefined): string {
  const process = role === 'client' ? region?.server : region?.client;
  const library = role === 'client' ? region?.serverLibrary : region?.clientLibrary;
  if (process !== undefined) return outsideLabel(process, library);
  if (peer !== null) return peer;
  return backend === 'shared-memory' ? 'a process without an agent' : 'unknown';
}
