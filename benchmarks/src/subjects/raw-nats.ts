import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { NatsBroker, natsUnavailable } from '../nats-broker.js';
import { type Port, type StartPeer, type Subject, Task } from '../subject.js';

/** What is measured of everything that goes through a NATS server. */
export const NATS_WORKLOADS: readonly string[] = ['round-trip', 'pipelined', 'one-way', 'sizes'];

/** What the NATS server may not have confirmed before the sender pauses; a flush covers a quarter of it, so the next part is
 * sent while the NATS server confirms the one before. */
const HIGH_WATER_BYTES = 1024 * 1024;
const FLUSH_BYTES = HIGH_WATER_BYTES / 4;
/** What a message costs beside its bytes: the line in front of it. */
const LINE_BYTES = 64;
/** Longer than any workload. */
const REQUEST_LIMIT_MS = 120_000;

const TO_DRIVER = 'bench.driver';
const TO_PEER = 'bench.peer';
const JOINED = 'bench.joined';

/**
 * The client of NATS by itself: requests and their replies for round trips, `publish` and `subscribe` with flushes in one
 * direction.
 */
export const rawNats: Subject = {
  name: 'raw nats',
  kind: 'broker',
  isExtra: true,
  workloads: NATS_WORKLOADS,
  unavailable: () => Promise.resolve(natsUnavailable),
  async serve(startPeer: StartPeer, folder: string): Promise<Port> {
    const broker = await NatsBroker.start({ folder });
    const connection = await open(broker.host);
    const joined = new Promise<void>((resolve) => {
      connection.subscribe(JOINED, {
        max: 1,
        callback: () => {
          resolve();
        },
      });
    });
    await connection.flush();
    startPeer(broker.host);
    await joined;
    return portOf(connection, TO_DRIVER, TO_PEER, () => broker.stop());
  },
  async join(address: string): Promise<Port> {
    const connection = await open(address);
    const port = portOf(connection, TO_PEER, TO_DRIVER, () => Promise.resolve());
    // Behind its subscription, which the NATS server has then taken.
    connection.publish(JOINED);
    return port;
  },
};

function open(host: string): Promise<NatsConnection> {
  return connect({ servers: host, reconnect: false, noAsyncTraces: true });
}

function portOf(connection: NatsConnection, own: string, other: string, after: () => Promise<void>): Port {
  let onMessage: (message: Uint8Array) => void = () => undefined;
  /** The request that is being answered. */
  let request: Msg | undefined;
  let unconfirmedBytes = 0;
  let uncoveredBytes = 0;
  let isFlushing = false;
  let whenWritable: (() => void) | undefined;
  connection.subscribe(own, {
    callback: (error, message) => {
      if (error !== null) throw error;
      const { data } = message;
      request = data[0] === Task.Echo ? message : undefined;
      onMessage(data);
      request = undefined;
    },
  });
  const cover = (): void => {
    if (isFlushing || uncoveredBytes < FLUSH_BYTES) return;
    const covered = uncoveredBytes;
    uncoveredBytes = 0;
    isFlushing = true;
    void connection.flush().then(() => {
      isFlushing = false;
      unconfirmedBytes -= covered;
      cover();
      const callback = whenWritable;
      whenWritable = undefined;
      callback?.();
    });
  };
  return {
    send: (message) => {
      if (message[0] === Task.Echo) {
        if (request !== undefined) request.respond(message);
        else {
          void connection.request(other, message, { timeout: REQUEST_LIMIT_MS }).then((reply) => {
            onMessage(reply.data);
          });
        }
        return true;
      }
      if (unconfirmedBytes >= HIGH_WATER_BYTES) return false;
      connection.publish(other, message);
      unconfirmedBytes += message.length + LINE_BYTES;
      uncoveredBytes += message.length + LINE_BYTES;
      cover();
      return true;
    },
    whenWritable: (callback) => {
      whenWritable = callback;
    },
    onMessage: (callback) => {
      onMessage = callback;
    },
    close: async () => {
      await connection.close();
      await after();
    },
  };
}
