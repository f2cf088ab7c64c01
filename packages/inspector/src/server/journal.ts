import type { AgentName, EndedState, FailureState, ProcessReport } from '../state.js';

/** The largest number of ended connections, and of failures. Beyond it, the oldest are removed first. */
const MOST_REMEMBERED = 500;

/** Keeps the ended connections and failures of agents longer than the agents do, and also after they have gone. */
export class Journal {
  #ended: EndedState[] = [];
  #failures: FailureState[] = [];

  /** The newest first. */
  get ended(): readonly EndedState[] {
    return this.#ended;
  }

  /** The newest first. */
  get failures(): readonly FailureState[] {
    return this.#failures;
  }

  /**
   * Adds the new items of a report. Agents number them, so that none is added twice.
   * @param before the report before; undefined for the first one of a connection
   */
  note(agent: AgentName, before: ProcessReport | undefined, report: ProcessReport): void {
    if (before === undefined) this.#forgetRepeated(agent, report);
    const knownEnds = new Set(before?.ended.map(({ id }) => id));
    const knownFailures = new Set(before?.failures.map(({ id }) => id));
    this.#addEnded(report.ended.filter(({ id }) => !knownEnds.has(id)).map((ended) => ({ ...ended, agent })));
    const failures = report.failures.filter(({ id }) => !knownFailures.has(id));
    if (failures.length === 0) return;
    this.#failures = newest([...failures.map((failure) => ({ ...failure, agent })), ...this.#failures], ({ at }) => at);
  }

  /** The agent has gone, and its last reported connections ended with it. */
  noteGone(agent: AgentName, { connections }: ProcessReport, at: number): void {
    const message = 'its process stopped reporting; the connection may have ended before';
    this.#addEnded(
      connections
        .slice(-MOST_REMEMBERED)
        .map(
          ({
            id,
            backend,
            endpoint,
            role,
            since,
            bytesSent,
            bytesReceived,
            messagesSent,
            messagesReceived,
            waits,
          }) => ({
            ...{ id, backend, endpoint, role, since, bytesSent, bytesReceived, messagesSent, messagesReceived, waits },
            endedAt: at,
            code: 'AgentGone',
            message,
            agent,
          }),
        ),
    );
  }

  /**
   * An agent may have lost its connection to the inspector and come back. Then its report repeats items, and connections
   * that counted as ended with it still stand.
   */
  #forgetRepeated(agent: AgentName, report: ProcessReport): void {
    const isSame = (each: { readonly agent: AgentName }): boolean => isSameProgram(each.agent, agent);
    const connections = new Set([...report.ended, ...report.connections].map(({ id, since }) => `${id} ${since}`));
    this.#ended = this.#ended.filter((each) => !isSame(each) || !connections.has(`${each.id} ${each.since}`));
    const failures = new Set(report.failures.map(({ id, at }) => `${id} ${at}`));
    this.#failures = this.#failures.filter((each) => !isSame(each) || !failures.has(`${each.id} ${each.at}`));
  }

  #addEnded(ended: readonly EndedState[]): void {
    if (ended.length > 0) this.#ended = newest([...ended, ...this.#ended], ({ endedAt }) => endedAt);
  }
}

/** Whether both may be of the same thread, whatever their keys: processes of other namespaces may have the same id. */
export function isSameProgram(one: Omit<AgentName, 'key'>, other: Omit<AgentName, 'key'>): boolean {
  return one.name === other.name && one.processId === other.processId && one.threadId === other.threadId;
}

function newest<Item>(items: Item[], timeOf: (item: Item) => number): Item[] {
  return items.sort((left, right) => timeOf(right) - timeOf(left)).slice(0, MOST_REMEMBERED);
}
