import type { ConnectionReport, InspectorState, ProcessReport, RatedRing } from '@entropynet/inspector';

/** The plotted values of a connection or a ring at one moment; null for unknown values. */
export interface Sample {
  /** In seconds since the epoch. */
  readonly at: number;
  /** The bytes a second that this side sends; for a pair of rings, those to the client. */
  readonly sent: number;
  /** The bytes a second that it receives; for a pair of rings, those to the server. */
  readonly received: number;
  /** The messages a second that this side sends. */
  readonly messagesSent: number | null;
  /** The messages a second that it receives. */
  readonly messagesReceived: number | null;
  /** The time that the ring to the client needs for its contents at its rate, in milliseconds. */
  readonly waitingToClient: number | null;
  /** The time that the ring to the server needs for its contents at its rate, in milliseconds. */
  readonly waitingToServer: number | null;
  /** The round trip of the last ping, in milliseconds. */
  readonly roundTrip: number | null;
}

/** The number of samples of each connection and each pair of rings. */
const MOST_SAMPLES = 120;

/** The numbers of a sample, in the order of the memory. */
const FIELDS = [
  'at',
  'sent',
  'received',
  'messagesSent',
  'messagesReceived',
  'waitingToClient',
  'waitingToServer',
  'roundTrip',
] as const satisfies readonly (keyof Sample)[];

/** The last samples of one connection or pair of rings, as plain numbers, because there may be thousands of them. */
class Series {
  readonly #values = new Float64Array(MOST_SAMPLES * FIELDS.length);
  #count = 0;

  push(sample: Sample): void {
    const start = (this.#count % MOST_SAMPLES) * FIELDS.length;
    FIELDS.forEach((field, index) => {
      this.#values[start + index] = sample[field] ?? NaN;
    });
    this.#count += 1;
  }

  newest(field: keyof Sample): number {
    return this.#value(this.#count - 1, FIELDS.indexOf(field));
  }

  samples(): Sample[] {
    const length = Math.min(this.#count, MOST_SAMPLES);
    return Array.from({ length }, (_value, index) => {
      const read = (field: keyof Sample): number => this.#value(this.#count - length + index, FIELDS.indexOf(field));
      const readOrNull = (field: keyof Sample): number | null => (Number.isNaN(read(field)) ? null : read(field));
      return {
        at: read('at'),
        sent: read('sent'),
        received: read('received'),
        messagesSent: readOrNull('messagesSent'),
        messagesReceived: readOrNull('messagesReceived'),
        waitingToClient: readOrNull('waitingToClient'),
        waitingToServer: readOrNull('waitingToServer'),
        roundTrip: readOrNull('roundTrip'),
      };
    });
  }

  #value(index: number, column: number): number {
    return this.#values[(index % MOST_SAMPLES) * FIELDS.length + column] ?? NaN;
  }
}

/**
 * The last two minutes of all connections and rings. It computes the rates of connections from the counts of agents.
 */
export class History {
  readonly #series = new Map<string, Series>();
  readonly #last = new Map<string, { readonly measuredAt: number; readonly connection: ConnectionReport }>();

  add({ at, processes, regions }: InspectorState): void {
    const present = new Set<string>();
    for (const { key, toClient, toServer } of regions) {
      present.add(ringKey(key));
      this.#push(ringKey(key), {
        at: at / 1000,
        sent: toClient.bytesPerSecond,
        received: toServer.bytesPerSecond,
        messagesSent: null,
        messagesReceived: null,
        waitingToClient: waitingInRing(toClient),
        waitingToServer: waitingInRing(toServer),
        roundTrip: null,
      });
    }
    for (const { key: processKey, at: reportedAt, report } of processes) {
      for (const connection of report.connections) {
        const key = connectionKey(processKey, connection.id);
        present.add(key);
        this.#addConnection(key, reportedAt, report, connection);
      }
    }
    for (const key of [...this.#series.keys(), ...this.#last.keys()]) {
      if (present.has(key)) continue;
      this.#series.delete(key);
      this.#last.delete(key);
    }
  }

  /** Returns the samples, the oldest first. */
  of(key: string): readonly Sample[] {
    return this.#series.get(key)?.samples() ?? [];
  }

  /** Returns the newest number of a series; NaN if there is none. */
  newest(key: string, field: keyof Sample): number {
    return this.#series.get(key)?.newest(field) ?? NaN;
  }

  #addConnection(key: string, at: number, { measuredAt }: ProcessReport, connection: ConnectionReport): void {
    const last = this.#last.get(key);
    if (last?.measuredAt === measuredAt) return;
    this.#last.set(key, { measuredAt, connection });
    if (last === undefined) return;
    const seconds = (measuredAt - last.measuredAt) / 1000;
    const rateOf = (field: 'bytesSent' | 'bytesReceived' | 'messagesSent' | 'messagesReceived'): number =>
      (connection[field] - last.connection[field]) / seconds;
    const rates = {
      sent: rateOf('bytesSent'),
      received: rateOf('bytesReceived'),
      messagesSent: rateOf('messagesSent'),
      messagesReceived: rateOf('messagesReceived'),
    };
    // The counts and the clock of an agent only grow. If they do not, a new count begins here, and there is no rate.
    if (seconds <= 0 || Object.values(rates).some((rate) => rate < 0)) return;
    const { roundTripMs: roundTrip } = connection;
    this.#push(key, { at: at / 1000, ...rates, waitingToClient: null, waitingToServer: null, roundTrip });
  }

  #push(key: string, sample: Sample): void {
    let series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, (series = new Series()));
    series.push(sample);
  }
}

export function ringKey(key: string): string {
  return `ring ${key}`;
}

/** @param processKey the key that the inspector gave the agent, because process ids are not unique */
export function connectionKey(processKey: string, id: number): string {
  return `connection ${processKey} ${id}`;
}

/**
 * Estimates the latency in milliseconds by Little's law: bytes in the ring, divided by their rate. Null if the rate is
 * 0.
 */
export function waitingInRing({ filled, bytesPerSecond }: Pick<RatedRing, 'filled' | 'bytesPerSecond'>): number | null {
  if (filled === 0) return 0;
  return bytesPerSecond > 0 ? (filled / bytesPerSecond) * 1000 : null;
}
