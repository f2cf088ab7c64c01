import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { failureOf, messageOf, type Scope, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { addon, describeFaults, faultTest, linux } from './support/fault-test.js';
import { ownFixture } from './support/processes.js';

/** A program that may open few files, and what it prints. */
function limited(
  scope: Scope,
  name: string,
  ...line: readonly string[]
): { kill(): void; output(): string; ended: Promise<unknown> } {
  const program = fileURLToPath(new URL(`./support/${name}.js`, import.meta.url));
  const child = spawn('prlimit', ['--nofile=512', process.execPath, program, ...line], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  scope.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  return { kill: () => child.kill('SIGUSR2'), output: () => output, ended };
}

describeFaults('descriptors', () => {
  faultTest('R13', 'a WebSocket server has no descriptor for a client', [linux], async ({ scope, saw }) => {
    const server = limited(scope, 'idle-server-program', 'ws://127.0.0.1:0/');
    await until(() => server.output().includes('full'), 'the server has no descriptor left');
    const endpoint = /at (\S+)/.exec(server.output())?.[1] ?? '';
    const transport = new WebSocketTransport();
    const client = scope.add(transport.createConnection({ endpoint }));
    const refused = failureOf(await client.connect(), 'PeerDied');
    expect(refused.message).to.include('no file descriptor left');
    server.kill();
    await until(() => server.output().includes('free'), 'the server has descriptors again');
    const next = scope.add(transport.createConnection({ endpoint }));
    unwrap(await next.connect());
    const echoed = new Promise<Uint8Array>((resolve) => {
      next.setMessageCallback(resolve);
    });
    unwrap(await next.send(messageOf(1000, 3)));
    expect(await within(echoed, 'the server serves again')).to.deep.equal(messageOf(1000, 3));
    saw(refused.message.replace(/127\S+/, '…'));
  });

  faultTest('R14', 'no descriptor is left for loading EntropyNet', [addon, linux], async ({ scope, saw }) => {
    const fixture = ownFixture(scope);
    const config = fixture.freshConfig();
    const server = scope.add(fixture.createTransport().createServer(config));
    unwrap(await server.listen());
    const { directory = '' } = config.sharedMemory ?? {};
    const program = limited(scope, 'late-descriptors-program', config.endpoint, directory);
    await within(program.ended, 'the program ended');
    const said = JSON.parse(program.output()) as Record<string, string>;
    expect(said['before'])
      .to.match(/^ResourceLimitExceeded: /)
      .and.include('EMFILE')
      .and.include('ulimit -n');
    expect(said['after']).to.equal('ok');
    expect(said['container'])
      .to.match(/^ResourceLimitExceeded: .*inversify/)
      .and.include('ulimit -n')
      .and.include('start this process again');
    saw(said['before'] ?? '');
  });
});
