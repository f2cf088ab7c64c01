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

  /** Adds the new items of a report. Agents number them, so that none is added twice. */
  note(agent: AgentName, before: ProcessReport | undefined, report: ProcessReport): void {
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

  #addEnded(ended: readonly EndedState[]): void {
    if (ended.length > 0) this.#ended = newest([...ended, ...this.#ended], ({ endedAt }) => endedAt);
  }
}

function newest<Item>(items: Item[], timeOf: (item: Item) => number): Item[] {
  return items.sort((left, right) => timeOf(right) - timeOf(left)).slice(0, MOST_REMEMBERED);
}
