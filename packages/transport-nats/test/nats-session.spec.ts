import { until } from '@entropynet/conformance/tools';
import { type NetworkError, resolveOwnConfig, unwrap } from '@entropynet/core';
import { natsSection } from '@entropynet/transport-nats/internal/nats-options';
import { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import { expect } from 'chai';

/** A NATS connection of the program, whose changes a test chooses. */
class GivenConnection {
  readonly #changes: { readonly type: string }[] = [];
  #wake = (): void => undefined;
  close = (): void => undefined;
  readonly #closed = new Promise<void>((resolve) => {
    this.close = resolve;
  });

  change(type: 'disconnect' | 'reconnect'): void {
    this.#changes.push({ type });
    this.#wake();
  }

  async *status(): AsyncGenerator<{ readonly type: string }> {
    for (;;) {
      for (let next = this.#changes.shift(); next !== undefined; next = this.#changes.shift()) yield next;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  closed(): Promise<void> {
    return this.#closed;
  }

  publish(): void {
    // Takes every message.
  }
}

describe('a NATS connection of the program', () => {
  it('is interrupted until it reconnects, and has ended when the program closes it', async () => {
    const { nats } = unwrap(resolveOwnConfig({ endpoint: 'nats://localhost/canvas' }, natsSection));
    const connection = new GivenConnection();
    const session = new NatsSession(connection as never, nats, 'there', true);
    const reported: NetworkError[] = [];
    session.add({ onBroken: (error) => reported.push(error) });
    const published = (): string | undefined => session.publish('subject', new Uint8Array(1))?.message;
    expect(published()).to.equal(undefined);
    connection.change('disconnect');
    await until(() => session.isBroken, 'the session has noticed');
    expect(published()).to.equal('the NATS connection to there is interrupted');
    connection.change('reconnect');
    await until(() => !session.isBroken, 'the session has noticed');
    expect(published()).to.equal(undefined);
    connection.change('disconnect');
    await until(() => session.isBroken, 'the session has noticed');
    connection.close();
    await until(() => published() === 'the NATS connection to there ended', 'the session has noticed');
    expect(reported.map(({ message }) => message.split(';')[0])).to.deep.equal([
      'the NATS connection to there is interrupted',
      'the NATS connection to there is interrupted',
      'the NATS connection to there ended',
    ]);
  });
});
