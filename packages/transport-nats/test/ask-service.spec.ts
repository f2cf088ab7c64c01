import { codeOf, within } from '@entropynet/conformance/tools';
import { NetworkError, resolveOwnConfig, unwrap } from '@entropynet/core';
import { inspectNatsService } from '@entropynet/transport-nats';
import { askService } from '@entropynet/transport-nats/internal/ask-service';
import { openLinkEnds } from '@entropynet/transport-nats/internal/link-ends';
import { parseNatsAddress } from '@entropynet/transport-nats/internal/nats-address';
import { natsSection } from '@entropynet/transport-nats/internal/nats-options';
import type { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import { expect } from 'chai';

const ENDPOINT = 'nats://localhost/canvas';

const refuse = (): never => {
  throw new Error('it is closed');
};

/** A NATS connection of the program that takes the first `most` subscriptions, and no message. */
class EndedConnection {
  subscriptions = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  readonly publish = refuse;

  subscribe(): { unsubscribe(): void } {
    if (this.subscriptions >= this.#most) refuse();
    this.subscriptions += 1;
    return {
      unsubscribe: () => {
        this.subscriptions -= 1;
      },
    };
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async *status(): AsyncGenerator<never> {
    yield* [];
  }

  closed(): Promise<void> {
    return new Promise(() => undefined);
  }

  stats(): { inMsgs: number } {
    return { inMsgs: 0 };
  }

  getServer(): string {
    return 'there';
  }
}

describe('over NATS, a NATS connection that has ended', () => {
  it('ends the question for a service at once, with the reason', async () => {
    const reason = new NetworkError('TransportUnavailable', 'the NATS connection to there ended');
    let uses = 0;
    const session = {
      subscribe: () => {
        uses += 1;
        return () => (uses -= 1);
      },
      publish: () => reason,
      add: () => (uses += 1),
      remove: () => (uses -= 1),
    } as unknown as NatsSession;
    const asking = askService(session, 'entropynet.canvas', '_INBOX', 3_600_000);
    const asked = await within(asking, 'the outcome is known');
    expect(asked.ok ? undefined : asked.error).to.equal(reason);
    expect(uses).to.equal(0);
  });

  for (const most of [0, 1]) {
    it(`ends an inspection with the reason, after ${most} subscriptions`, async () => {
      const connection = new EndedConnection(most);
      const config = { endpoint: ENDPOINT, connectTimeoutMs: 3_600_000, nats: { connection } };
      const inspected = await within(inspectNatsService(config), 'the outcome is known');
      expect(codeOf(inspected)).to.equal('TransportUnavailable');
      expect(inspected.ok ? '' : inspected.error.message)
        .to.include('there')
        .and.include('it is closed');
      expect(connection.subscriptions).to.equal(0);
    });

    it(`has no lanes for a link, after ${most} subscriptions`, async () => {
      const connection = new EndedConnection(most);
      const config = unwrap(resolveOwnConfig({ endpoint: ENDPOINT, nats: { connection } }, natsSection));
      const opened = await openLinkEnds(unwrap(parseNatsAddress(ENDPOINT)), config, 'base', () => undefined);
      expect(codeOf(opened)).to.equal('TransportUnavailable');
      expect(connection.subscriptions).to.equal(0);
    });
  }
});
