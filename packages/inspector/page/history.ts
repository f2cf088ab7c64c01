import type { ConnectionReport, InspectorState, RatedRing } from '@entropynet/inspector';

/** What is plotted of a connection or a ring at one moment. */
export interface Sample {
  /** In seconds since the epoch. */
  readonly at: number;
  /** Bytes a second that this side sends. */
  readonly sent: number;
  /** Bytes a second that it receives. */
  readonly received: number;
  /** How long what is under way now takes at this rate, in milliseconds. */
  readonly waiting: number;
  /** How long the last ping and its answer took, in milliseconds; null where there is none. */
  readonly roundTrip: number | null;
}

/** So many samples are kept of each. */
const MOST_SAMPLES = 120;

/** What was, of everything that still is. Rates of connections are made here, of the counts that agents report. */
export class History {
  readonly #series = new Map<string, Sample[]>();
  readonly #last = new Map<string, { readonly at: number; readonly report: ConnectionReport }>();

  add({ at, processes, regions }: InspectorState): void {
    const present = new Set<string>();
    const push = (key: string, sample: Sample): void => {
      present.add(key);
      const series = this.#series.get(key) ?? [];
      this.#series.set(key, series);
      series.push(sample);
      if (series.length > MOST_SAMPLES) series.shift();
    };
    for (const { key, toClient, toServer } of regions) {
      const waiting = Math.max(waitingInRing(toClient), waitingInRing(toServer));
      const [sent, received] = [toClient.bytesPerSecond, toServer.bytesPerSecond];
      push(ringKey(key), { at: at / 1000, sent, received, waiting, roundTrip: null });
    }
    for (const { at: reportedAt, report } of processes) {
      for (const connection of report.connections) {
        const key = connectionKey(report.processId, connection.id);
        const last = this.#last.get(key);
        present.add(key);
        if (last?.at === reportedAt) continue;
        this.#last.set(key, { at: reportedAt, report: connection });
        if (last === undefined) continue;
        const seconds = (reportedAt - last.at) / 1000;
        const sent = (connection.bytesSent - last.report.bytesSent) / seconds;
        const received = (connection.bytesReceived - last.report.bytesReceived) / seconds;
        const waiting = timeToDrain(connection.unconfirmedBytes, sent);
        push(key, { at: reportedAt / 1000, sent, received, waiting, roundTrip: connection.roundTripMs });
      }
    }
    for (const key of [...this.#series.keys(), ...this.#last.keys()]) {
      if (present.has(key)) continue;
      this.#series.delete(key);
      this.#last.delete(key);
    }
  }

  /** The oldest first. */
  of(key: string): readonly Sample[] {
    return this.#series.get(key) ?? [];
  }

  newest(key: string): Sample | undefined {
    return this.#series.get(key)?.at(-1);
  }
}

export function ringKey(key: string): string {
  return `ring ${key}`;
}

export function connectionKey(processId: number, id: number): string {
  return `connection ${processId} ${id}`;
}

/** Little's law: what is under way, divided by how fast it goes, is how long it takes. In milliseconds. */
export function timeToDrain(bytes: number, bytesPerSecond: number): number {
  return bytes === 0 || bytesPerSecond <= 0 ? 0 : (bytes / bytesPerSecond) * 1000;
}

function waitingInRing({ filled, bytesPerSecond }: RatedRing): number {
  return timeToDrain(filled, bytesPerSecond);
}
