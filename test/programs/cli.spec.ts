import { randomBytes } from 'node:crypto';
import { createNetworking } from 'entropynet';
import { scoped, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { runInProcess } from '../support/command-in-process.js';
import { codeAfter } from '../support/command.js';
import { CommandFolder, ENDPOINTS } from './cli-support.js';

const folder = new CommandFolder();

describe('the command line', function () {
  // Most tests start several processes.
  this.timeout(60_000);

  folder.useHere();

  for (const [what, freshEndpoint] of Object.entries(ENDPOINTS)) describeOver(what, freshEndpoint);

  it(
    'reports a wrong command line, as a process',
    scoped(async (scope) => {
      const end = await folder.run(scope, ['ping', 'x', '--count', 'many']);
      expect(end).to.include({ code: 2, output: '' });
      expect(end.errors).to.include("'many' is not a whole number of 1 or more");
    }),
  );
});

function describeOver(what: string, freshEndpoint: () => string): void {
  describe(`over ${what}`, () => {
    it(
      'talks: lines become messages and messages lines, on both sides',
      scoped(async (scope) => {
        const { server, address } = await folder.listening(scope, ['listen', freshEndpoint(), '--once']);
        const client = folder.start(scope, ['connect', address]);
        await server.said('[1] connected');
        client.type('hello\n');
        await server.printed('[1] hello\n');
        server.type('good day\nhow are you\n');
        await client.printed('good day\nhow are you\n');
        client.endInput();
        expect(await client.ended()).to.include({ code: 0, output: 'good day\nhow are you\n' });
        expect(await server.ended()).to.include({ code: 0, output: '[1] hello\n' });
        expect(server.errors).to.include('[1] left');
      }),
    );

    it(
      'shows control characters in a printable form',
      scoped(async (scope) => {
        const { server, address } = await folder.listening(scope, ['listen', freshEndpoint(), '--once'], '');
        const { manager, close } = await createNetworking();
        scope.defer(close);
        const handle = unwrap(
          manager.openConnection({ endpoint: address, sharedMemory: { directory: folder.directory } }),
        );
        unwrap(await handle.connect());
        unwrap(await handle.send(new TextEncoder().encode('\u001b[2Jgone\u202e')));
        unwrap(await handle.send(Uint8Array.of(0xff, 0x00)));
        unwrap(await handle.send(new Uint8Array(0)));
        unwrap(await handle.disconnect());
        expect((await server.ended()).output).to.equal('[1] \\u{1b}[2Jgone\\u{202e}\n[1] (2 bytes) ff00\n[1] \n');
      }),
    );

    it(
      'reads and shows hexadecimal digits, on a channel',
      scoped(async (scope) => {
        const line = ['--hex', '--channel', 'side'];
        const { server, address } = await folder.listening(scope, ['listen', freshEndpoint(), '--once', ...line], '');
        const end = await runInProcess(['connect', address, ...line], '00ff 10\nnothing\n\n');
        expect(end.errors).to.include("not sent: 'nothing' is not an even number of hexadecimal digits");
        expect((await server.ended()).output).to.equal('[1] 00ff10\n[1] \n');
      }),
    );

    it(
      'connects byte streams, with an own end for each direction',
      scoped(async (scope) => {
        const there = randomBytes(3_000_000);
        const { server, address } = await folder.listening(scope, ['listen', freshEndpoint(), '--stream']);
        const client = folder.start(scope, ['connect', address, '--stream'], there);
        await until(() => server.output.length === there.length, 'all bytes arrived');
        expect(server.output.equals(there)).to.be.true;
        server.type('and back\n');
        server.endInput();
        expect(await client.ended()).to.include({ code: 0, output: 'and back\n' });
        expect((await server.ended()).code).to.equal(0);
      }),
    );

    it(
      'measures round trips',
      scoped(async (scope) => {
        const { server, address } = await folder.listening(scope, ['listen', freshEndpoint(), '--echo'], '');
        const end = await runInProcess([
          'ping',
          address,
          '--count',
          '500',
          '--interval',
          '0',
          '--json',
          '--size',
          '100',
        ]);
        const report = JSON.parse(end.output) as {
          received: number;
          size: number;
          percentiles: Record<string, number>;
        };
        expect(report).to.include({ received: 500, size: 100 });
        expect(report.percentiles['50']).to.be.within(0.1, report.percentiles['99']!);
        const shown = await runInProcess(['ping', address, '--count', '2', '--interval', '200']);
        expect(shown.output).to.match(/2 of 2 came back, 64 bytes each, over (shared-memory|websocket)\np50 /);
        expect(shown.errors).to.include('64 bytes: number 2, ');
        server.signal('SIGINT');
        expect((await server.ended()).code).to.equal(codeAfter('SIGINT'));
      }),
    );

    it(
      'reports a peer that sends other bytes back',
      scoped(async (scope) => {
        const { server, address } = await folder.listening(scope, ['listen', freshEndpoint()]);
        const client = folder.start(scope, ['ping', address], '');
        await server.said('[1] connected');
        server.type('what?\n');
        const end = await client.ended();
        expect(end).to.include({ code: 1 });
        expect(end.errors).to.include('the peer sent other bytes than it received');
      }),
    );
  });
}
