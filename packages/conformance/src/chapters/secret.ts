import { unwrap, type ConnectionConfig, type Result } from '@entropynet/core';
import { expect } from 'chai';
import { messageOf } from '../support/messages.js';
import { Recorder } from '../support/recorder.js';
import { scoped, type Scope } from '../support/scope.js';
import { until } from '../support/until.js';
import { openListener, openPair, type ChapterContext } from '../chapter-context.js';
import { failureOf } from '../expectations.js';

const SECRET = 'a secret of the test, long enough';
const OTHER = 'another secret of the test, as long';

/** A secret that both sides must have (`secret`). */
export function describeSecret(context: ChapterContext): void {
  describe('shared secret', () => {
    it(
      '[SECRET-1] accepts a peer with the same secret, and carries its messages',
      scoped(async (scope) => {
        const { near, far } = await openPair(context, scope, { secret: SECRET });
        const recorder = new Recorder(far).receive();
        for (let index = 0; index < 20; index += 1) unwrap(await near.send(messageOf(50_000, index)));
        await until(() => recorder.tally().count === 20, 'the messages arrived');
        expect((await near.disconnect()).ok).to.be.true;
      }),
    );

    const REFUSED: readonly [string, string | undefined, string | undefined, RegExp][] = [
      ['a client with another one', SECRET, OTHER, /differ/],
      ['a client without one', SECRET, undefined, /asks for a shared secret/],
      ['a server without one, for a client that asks for it', undefined, SECRET, /asks for a shared secret/],
      ['a secret that only begins alike', SECRET, `${SECRET}.`, /differ/],
    ];
    for (const [what, server, client, sentence] of REFUSED) {
      it(
        `[SECRET-2] refuses ${what} with a reason, and serves others meanwhile`,
        scoped(async (scope) => {
          const { listener, clientConfig } = await openListener(context, scope, withSecret(server));
          const refused = await connect(context, scope, { ...clientConfig, secret: client! });
          const error = failureOf(refused, 'HandshakeFailed');
          expect(error.message).to.match(sentence).and.include('secret');
          expect(error.message).to.not.include(SECRET).and.not.include(OTHER);

          const accepting = listener.accept();
          unwrap(await connect(context, scope, { ...clientConfig, secret: server }));
          const accepted = scope.add(unwrap(await accepting));
          expect(accepted.isConnected()).to.be.true;
        }),
      );
    }

    it('[SECRET-3] shows no secret in an error about the configuration', () => {
      const transport = context.fixture.createTransport();
      for (const config of [{ secret: 'too short' }, { secrets: OTHER }, { secret: 5 }]) {
        const create = (): unknown =>
          transport.createConnection({ ...context.fixture.freshConfig(), ...config } as ConnectionConfig);
        expect(create)
          .to.throw(/secret/)
          .with.property('code', 'InvalidParameter');
        expect(create).to.not.throw(/too short|as long/);
      }
    });
  });
}

function connect(context: ChapterContext, scope: Scope, config: ConnectionConfig): Promise<Result> {
  return scope.add(context.fixture.createTransport().createConnection(config)).connect();
}

function withSecret(secret: string | undefined): Partial<ConnectionConfig> {
  return secret === undefined ? {} : { secret };
}
