import { resolveOwnConfig, unwrap } from '@entropynet/core';
import { natsSection } from '@entropynet/transport-nats/internal/nats-options';
import { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import type { NatsConnection } from '@nats-io/nats-core';
import { expect } from 'chai';

const KIB = 1024;

/** A NATS connection whose NATS server confirms when `confirm` is called. */
function fakeConnection(): { connection: NatsConnection; confirm: () => Promise<void> } {
  const waiting: (() => void)[] = [];
  const connection = {
    info: { max_payload: 1024 * KIB },
    closed: () => new Promise(() => undefined),
    status: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
    publish: () => undefined,
    flush: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
  const confirm = async (): Promise<void> => {
    for (const resolve of waiting.splice(0)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { connection: connection as unknown as NatsConnection, confirm };
}

describe('a NATS connection without room', () => {
  it('gives every member its turn, although each would take all room, and none to one that left', async () => {
    const given = { endpoint: 'nats://127.0.0.1/canvas', nats: { maxBufferedBytes: 64 * KIB } };
    const { nats } = unwrap(resolveOwnConfig(given, natsSection));
    const { connection, confirm } = fakeConnection();
    const session = new NatsSession(connection, nats, 'nowhere', true);
    const turns: string[] = [];
    const member = (name: string, then = (): void => undefined): { onBroken: () => void; onWritable: () => void } => ({
      onBroken: () => undefined,
      onWritable: () => {
        then();
        if (session.hasRoom) turns.push(name);
        while (session.hasRoom) session.publish('subject', new Uint8Array(8 * KIB));
      },
    });
    const left = member('left');
    const members = [
      member('a', () => {
        session.remove(left);
      }),
      left,
      member('b'),
      member('c'),
    ];
    for (const each of members) session.add(each);
    members[0]?.onWritable();
    while (turns.length < 7) await confirm();
    expect(turns).to.deep.equal(['a', 'a', 'b', 'c', 'a', 'b', 'c']);
  });
});
