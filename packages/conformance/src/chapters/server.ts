import { err, type NetworkConnection, ok, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { Recorder } from '../support/recorder.js';
import { scoped } from '../support/scope.js';
import { until, within } from '../support/until.js';
import { openListener, openPair, type ChapterContext } from '../chapter-context.js';
import { codeOf } from '../expectations.js';

/** The promises of `ConnectionServer`. */
export function describeServer(context: ChapterContext): void {
  if (context.side === 'client') return;
  const { fixture } = context;

  describe('servers', () => {
    it(
      '[SERVER-1] listens until it is closed',
      scoped(async (scope) => {
        const server = scope.add(fixture.createTransport().createServer(fixture.freshConfig()));
        expect(server.isListening()).to.be.false;
        expect(server.address()).to.equal(undefined);
        unwrap(await server.listen());
        expect(server.isListening()).to.be.true;
        expect(server.address()).to.be.a('string');
        unwrap(await server.close());
        expect(server.isListening()).to.be.false;
        expect(server.address()).to.equal(undefined);
      }),
    );

    it(
      '[SERVER-1] returns ok from a second listen() and a second close()',
      scoped(async (scope) => {
        const { listener } = await openListener(context, scope);
        unwrap(await listener.listen());
        unwrap(await listener.close());
        unwrap(await listener.close());
      }),
    );

    it(
      '[SERVER-1] gives AddressInUse to a second server on the same endpoint',
      scoped(async (scope) => {
        const { clientConfig } = await openListener(context, scope);
        const second = scope.add(fixture.createTransport().createServer(clientConfig));
        expect(codeOf(await second.listen())).to.equal('AddressInUse');
        expect(second.isListening()).to.be.false;
      }),
    );

    it(
      '[SERVER-1] frees the endpoint when it is closed',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        await listener.close();
        const second = scope.add(fixture.createTransport().createServer(clientConfig));
        unwrap(await second.listen());
        const client = scope.add(fixture.createTransport().createConnection(clientConfig));
        unwrap(await client.connect());
      }),
    );

    it(
      '[SERVER-1] listens again after it was closed',
      scoped(async (scope) => {
        const { listener, serverConfig } = await openListener(context, scope);
        await listener.close();
        unwrap(await listener.listen());
        const clientConfig = fixture.clientConfig(serverConfig, listener.address()!);
        const client = scope.add(fixture.createTransport().createConnection(clientConfig));
        unwrap(await client.connect());
        scope.add(unwrap(await listener.accept()));
      }),
    );

    it(
      '[SERVER-3] keeps the accepted connections when it is closed',
      scoped(async (scope) => {
        const { listener, client, accepted } = await openPair(context, scope);
        unwrap(await listener.close());
        const received = new Recorder(accepted).receive().tally();
        unwrap(await client.send(Uint8Array.of(1, 2, 3)));
        await until(() => received.count === 1, 'a message arrived');
      }),
    );

    it(
      '[SERVER-3] ends the connections that nobody accepted when it is closed',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        const client = scope.add(fixture.createTransport().createConnection(clientConfig));
        const { states } = new Recorder(client);
        unwrap(await client.connect());
        unwrap(await listener.close());
        await until(() => !client.isConnected(), 'the client saw the end');
        await until(
          () => states.at(-1) === 'disconnected',
          () => `the client is disconnected: ${states.join()}`,
        );
      }),
    );

    it(
      '[SERVER-2] returns the connections in the order in which the clients connected',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        for (let index = 0; index < 5; index += 1) {
          const client = scope.add(fixture.createTransport().createConnection(clientConfig));
          unwrap(await client.connect());
          unwrap(await client.send(Uint8Array.of(index)));
        }
        for (let index = 0; index < 5; index += 1) {
          const accepted = scope.add(unwrap(await listener.accept()));
          const received: number[] = [];
          accepted.setMessageCallback((data) => received.push(data[0]!));
          accepted.startReceiving();
          await until(() => received.length === 1, 'a message arrived');
          expect(received).to.deep.equal([index]);
        }
      }),
    );

    it(
      '[SERVER-2] serves many clients at once',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        const clients = Array.from({ length: 20 }, () =>
          scope.add(fixture.createTransport().createConnection(clientConfig)),
        );
        const connected = await Promise.all(clients.map((client) => client.connect()));
        expect(connected.map(codeOf)).to.deep.equal(clients.map(() => 'ok'));
        for (let count = 0; count < clients.length; count += 1) {
          const accepted = scope.add(unwrap(await listener.accept()));
          accepted.setMessageCallback((data) => accepted.send(data));
          accepted.startReceiving();
        }
        const echoes = clients.map((client, index) => {
          const echo = new Promise<number>((resolve) => client.setMessageCallback((data) => resolve(data[0]!)));
          return client.send(Uint8Array.of(index)).then(() => echo);
        });
        expect(await within(Promise.all(echoes), 'every echo arrived')).to.deep.equal(clients.map((_, index) => index));
      }),
    );

    it(
      '[SERVER-3] ends a waiting accept() with ConnectionClosed when it is closed',
      scoped(async (scope) => {
        const { listener } = await openListener(context, scope);
        const accepting = listener.accept();
        await listener.close();
        expect(codeOf(await accepting)).to.equal('ConnectionClosed');
        expect(codeOf(await listener.accept())).to.equal('ConnectionClosed');
      }),
    );

    it(
      '[SERVER-4] ends a waiting accept() with Aborted by its signal, and goes on',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        const controller = new AbortController();
        const accepting = listener.accept({ signal: controller.signal });
        controller.abort();
        expect(codeOf(await accepting)).to.equal('Aborted');
        const client = scope.add(fixture.createTransport().createConnection(clientConfig));
        unwrap(await client.connect());
        scope.add(unwrap(await listener.accept()));
      }),
    );

    it(
      '[SERVER-4] can be iterated until it is closed',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        const client = scope.add(fixture.createTransport().createConnection(clientConfig));
        unwrap(await client.connect());
        let count = 0;
        for await (const accepted of listener) {
          scope.add(accepted);
          count += 1;
          await listener.close();
        }
        expect(count).to.equal(1);
      }),
    );

    it(
      '[SERVER-5] refuses a client without a slot from `admit` before its connect() resolves, and takes one when a slot is free',
      scoped(async (scope) => {
        let free = 1;
        const { listener, clientConfig } = await openListener(context, scope, {
          admit: () => {
            if (free === 0) return err('ResourceLimitExceeded', 'all places are taken');
            free -= 1;
            return ok({ release: () => (free += 1) });
          },
        });
        const connect = async (): Promise<[string, NetworkConnection]> => {
          const client = scope.add(fixture.createTransport().createConnection(clientConfig));
          return [codeOf(await client.connect()), client];
        };
        const [first] = await connect();
        expect(first).to.equal('ok');
        const [second, refused] = await connect();
        expect([second, refused.getState()]).to.deep.equal(['ResourceLimitExceeded', 'failed']);
        const accepted = scope.add(unwrap(await listener.accept()));
        expect(accepted.isConnected()).to.equal(true);
        // From accept() on, the place belongs to the program.
        expect(free).to.equal(0);
        free += 1;
        const [third] = await connect();
        expect(third).to.equal('ok');
        expect(free).to.equal(0);
        // The server never accepted the last client: its place is free again.
        await listener.close();
        expect(free).to.equal(1);
      }),
    );

    it(
      '[SERVER-5] refuses a client when `admit` throws or returns nothing',
      scoped(async (scope) => {
        const admits = [
          () => {
            throw new Error('no count today');
          },
          () => undefined as never,
        ];
        for (const admit of admits) {
          const { clientConfig } = await openListener(context, scope, { admit });
          const client = scope.add(fixture.createTransport().createConnection(clientConfig));
          expect(codeOf(await client.connect())).to.equal('ResourceLimitExceeded');
        }
      }),
    );

    it(
      '[SERVER-6] is available to a probe while it listens, and otherwise gives the reason',
      scoped(async (scope) => {
        const { listener, clientConfig } = await openListener(context, scope);
        const transport = fixture.createTransport();
        expect(await transport.probe(clientConfig)).to.have.property('available', true);
        await listener.close();
        const probe = await transport.probe(clientConfig);
        expect(probe.available).to.be.false;
        if (!probe.available) expect(probe.reason).to.match(/\S+ \S+/);
      }),
    );
  });
}
