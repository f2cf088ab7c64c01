import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { type Scope, scoped } from '@entropynet/conformance/tools';
import { leaveOut } from '../support/leave-out.js';
import { codeAfter, type CommandEnd, HANDLES_SIGNALS, RunningCommand } from '../support/command.js';

function start(scope: Scope, line: readonly string[], input?: string): RunningCommand {
  return scope.add(new RunningCommand(line, {}, input));
}

async function run(scope: Scope, line: readonly string[], input: string): Promise<CommandEnd> {
  return await start(scope, line, input).ended();
}

/** A command that listens, and its address. */
async function listening(
  scope: Scope,
  line: readonly string[],
  input?: string,
): Promise<{ server: RunningCommand; address: string }> {
  const server = start(scope, line, input);
  return { server, address: await server.address() };
}

describe('a process of the command line', () => {
  describe('its end', () => {
    describe('by a signal', () => {
      before(function () {
        if (!HANDLES_SIGNALS)
          leaveOut(this, 'a signal of Node.js ends a process of Windows at once, without its handlers');
      });

      for (const [signal, code] of [
        ['SIGINT', 130],
        ['SIGTERM', 143],
        ['SIGHUP', 129],
      ] as const) {
        it(
          `has the exit code of ${signal}, and prints the result so far`,
          scoped(async (scope) => {
            const { address } = await listening(scope, ['listen', 'ws://127.0.0.1:0/', '--echo'], '');
            const client = start(scope, ['ping', address, '--count', '1000000', '--interval', '200']);
            await client.said('number 2,');
            client.signal(signal);
            const end = await client.ended();
            expect(end.code, end.errors).to.equal(code);
            expect(end.output).to.match(/(\d+) of \d+ came back, 64 bytes each, over websocket\np50 /);
          }),
        );
      }

      it(
        'is no failure of a stream',
        scoped(async (scope) => {
          const { address } = await listening(scope, ['listen', 'ws://127.0.0.1:0/', '--stream']);
          const client = start(scope, ['connect', address, '--stream']);
          await client.said('connected to');
          client.signal('SIGINT');
          const { code, errors } = await client.ended();
          expect([code, errors]).to.deep.equal([130, `connected to ${address} over websocket\n`]);
        }),
      );
    });

    it(
      'does not come when nobody reads its standard error',
      scoped(async (scope) => {
        const { server, address } = await listening(scope, ['listen', 'ws://127.0.0.1:0/']);
        server.stopReading('errors');
        for (const line of ['one', 'two']) {
          expect((await run(scope, ['connect', address], `${line}\n`)).code).to.equal(0);
          await server.printed(`] ${line}\n`);
        }
        server.signal('SIGTERM');
        expect((await server.ended()).code).to.equal(codeAfter('SIGTERM'));
      }),
    );

    it(
      'comes when nobody reads its standard output',
      scoped(async (scope) => {
        const { server, address } = await listening(scope, ['listen', 'ws://127.0.0.1:0/']);
        server.stopReading('output');
        expect((await run(scope, ['connect', address], 'one\n')).code).to.equal(0);
        const end = await server.ended();
        expect(end.code).to.equal(141);
        expect(end.errors).to.not.include('EPIPE');
      }),
    );

    it(
      'comes when nobody reads the help or the version',
      scoped(async (scope) => {
        for (const line of [['--help'], ['--version'], ['send', '--help']]) {
          const command = scope.add(new RunningCommand(line, {}, ''));
          command.stopReading('output');
          expect((await command.ended()).code, line.join(' ')).to.equal(141);
        }
      }),
    );
  });

  if (existsSync('/dev/full')) {
    it(
      'says in a sentence that the disk of its standard output is full',
      scoped(async (scope) => {
        for (const line of [['--version'], ['send', '--help'], ['doctor']]) {
          const onFullDisk = ['sh', '-c', 'exec "$@" >/dev/full', 'sh'];
          const end = await scope.add(new RunningCommand(line, {}, '', onFullDisk)).ended();
          expect(end.code, line.join(' ')).to.equal(1);
          expect(end.errors, line.join(' ')).to.equal(
            "entropynet: standard output can't be written: the disk is full: make room there (ENOSPC)\n",
          );
        }
      }),
    );
  }

  it(
    'takes further endpoints before and after the endpoint, and a secret from the environment',
    scoped(async (scope) => {
      const environment = { ENTROPYNET_SECRET: randomBytes(32).toString('hex') };
      const line = ['listen', '-f', 'ws://127.0.0.1:0/a', 'ws://127.0.0.1:0/b', '-f', 'ws://127.0.0.1:0/c', '--once'];
      const server = scope.add(new RunningCommand(line, environment, ''));
      await server.said('\n');
      const addresses = /^listening on (.*)$/m.exec(server.errors)?.[1]?.split(', ') ?? [];
      expect(addresses.map((address) => address.at(-1))).to.deep.equal(['b', 'a', 'c']);
      const without = await run(scope, ['connect', addresses[1]!], 'hello\n');
      expect(without).to.include({ code: 1 });
      const client = scope.add(new RunningCommand(['connect', addresses[2]!], environment, 'hello\n'));
      expect((await client.ended()).code).to.equal(0);
      expect((await server.ended()).output).to.equal('[1] hello\n');
    }),
  );
});
