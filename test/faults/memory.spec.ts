import { type Scope, until, within } from '@entropynet/conformance/tools';
import { type NetworkConnection, NetworkError, unwrap } from '@entropynet/core';
import { SharedMemoryConnection } from '@entropynet/transport-shm';
import { WebSocketConnection } from '@entropynet/transport-ws';
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { nativeBinding } from '../support/shared-memory/shared-memory-support.js';
import { addon, describeFaults, faultTest, linux } from './support/fault-test.js';
import type { HeldMemoryTask } from './support/held-memory-program.js';
import { connectPair, type Pair } from './support/pairs.js';

const PROGRAM = fileURLToPath(new URL('./support/held-memory-program.js', import.meta.url));

/** Runs a program with a thread pool of one thread to its end. */
async function runProgram(scope: Scope, task: Omit<HeldMemoryTask, 'directory'>) {
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-held-'));
  scope.defer(() => {
    rmSync(directory, { recursive: true });
  });
  const child = spawn(process.execPath, ['--expose-gc', PROGRAM, JSON.stringify({ ...task, directory })], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
  try {
    return { ...(await within(exit, 'the program ended', 60_000)), output };
  } finally {
    child.kill('SIGKILL');
  }
}

/** Resolves with the error of the connection's failure. */
function failureOf(connection: NetworkConnection): Promise<NetworkError | undefined> {
  return new Promise((resolve) => {
    connection.on('state', (state, error) => {
      if (state === 'failed' || state === 'disconnected') resolve(error);
    });
  });
}

/** Shows that a connection of the same thread continues in both directions. */
async function expectExchange({ client, accepted }: Pair): Promise<void> {
  const received: number[] = [];
  for (const each of [client, accepted]) each.setMessageCallback((data) => received.push(data[0]!));
  unwrap(client.trySend(Uint8Array.of(1)));
  unwrap(accepted.trySend(Uint8Array.of(2)));
  await until(() => received.length === 2, 'the other connection exchanges messages');
}

/** Detaches a buffer. In Node.js, only `ArrayBuffer.transfer` of newer releases can transfer an external one. */
function takeAway(access: 'direct' | 'copied', buffer: ArrayBuffer): void {
  if (access === 'direct') nativeBinding()!.unmapRegion(buffer);
  else structuredClone(buffer, { transfer: [buffer] });
}

const ACCESSES = ['direct', 'copied'] as const;

describeFaults('memory', () => {
  for (const access of ACCESSES) {
    for (const operation of ['read', 'randomFill'] as const) {
      faultTest('L7', `${operation} into a claim, ${access}, when the connection ends`, [addon], async ({ scope }) => {
        const endings = ['peer', 'disconnect'] as const;
        const ends = await Promise.all(endings.map((ending) => runProgram(scope, { access, operation, ending })));
        for (const { code, signal, output } of ends) {
          expect({ code, signal, output: JSON.parse(output) as unknown }).to.deep.equal({
            code: 0,
            signal: null,
            output: { error: null, length: 0, changed: false, code: 'ConnectionClosed' },
          });
        }
      });

      faultTest('L7', `${operation} into a claim, ${access}, when its thread ends`, [addon], async ({ scope }) => {
        const endings = ['exit', 'terminate'] as const;
        const ends = await Promise.all(endings.map((ending) => runProgram(scope, { access, operation, ending })));
        for (const end of ends) expect(end).to.deep.equal({ code: 0, signal: null, output: '' });
      });
    }
  }

  for (const [what, endpoint, code] of [
    ['shared memory', 'little', 'PeerDied'],
    ['WebSocket', 'ws://127.0.0.1:0/', 'ResourceLimitExceeded'],
  ] as const) {
    faultTest('R12', `there is no memory for a client's message over ${what}`, [addon, linux], async ({ scope }) => {
      const directory = mkdtempSync(join(tmpdir(), 'entropynet-memory-'));
      scope.defer(() => {
        rmSync(directory, { recursive: true });
      });
      const program = fileURLToPath(new URL('./support/little-memory-program.js', import.meta.url));
      const line = ['-c', 'ulimit -v 1200000; exec "$0" "$@"', process.execPath, program, endpoint, directory];
      const child = spawn('sh', line, { stdio: ['ignore', 'pipe', 'inherit'] });
      const closed = once(child, 'close');
      scope.defer(async () => {
        child.kill('SIGKILL');
        await closed;
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await until(() => output.includes('listening at'), 'the server listens');
      const address = /at (\S+)/.exec(output)?.[1] ?? '';
      const config = { endpoint: address, maxMessageSize: 2 ** 30, sharedMemory: { directory } };
      const connect = (): NetworkConnection =>
        scope.add(
          endpoint === 'little' ? new SharedMemoryConnection(address, config) : new WebSocketConnection(config),
        );
      const [big, small] = [connect(), connect()];
      unwrap(await big.connect());
      unwrap(await small.connect());
      const failure = failureOf(big);
      unwrap(big.trySend(new Uint8Array(400 * 2 ** 20)));
      expect((await within(failure, 'the one connection has ended', 60_000))?.code).to.equal(code);
      await until(() => output.includes('first: failed ResourceLimitExceeded\n'), 'the server has said why');
      for (let count = 1; count <= 3; count += 1) {
        unwrap(small.trySend(Uint8Array.of(count)));
        await until(() => output.includes(`second: ${count}\n`), 'the other connection is served');
      }
    });
  }

  faultTest('L8', 'the buffer of a borrowed message is transferred from its callback', [addon], async ({ scope }) => {
    const [pair, other] = [await connectPair(scope, 'copied'), await connectPair(scope, 'copied')];
    const failure = failureOf(pair.accepted);
    let calls = 0;
    pair.accepted.setMessageCallback(
      (data) => {
        calls += 1;
        const { port1, port2 } = new MessageChannel();
        port1.postMessage(data, [data.buffer as ArrayBuffer]);
        for (const port of [port1, port2]) port.close();
      },
      { ownership: 'borrow' },
    );
    for (let count = 0; count < 10; count += 1) unwrap(pair.client.trySend(Uint8Array.of(7)));
    const error = await failure;
    expect(error).to.be.instanceOf(NetworkError).with.property('code', 'SharedMemoryNotAvailable');
    expect(error?.message).to.include('transferred');
    expect(calls).to.equal(1);
    expect(pair.accepted.trySend(Uint8Array.of(1))).to.have.nested.property('error.code', 'ConnectionClosed');
    await expectExchange(other);
  });

  for (const access of ACCESSES) {
    faultTest('L8', `the memory of a claim is taken away, ${access}`, [addon], async ({ scope }) => {
      const [pair, other] = [await connectPair(scope, access), await connectPair(scope, access)];
      const failure = failureOf(pair.client);
      const { bytes } = unwrap(pair.client.claim(100));
      takeAway(access, bytes.buffer as ArrayBuffer);
      const error = await failure;
      expect(error?.code).to.equal('SharedMemoryNotAvailable');
      await expectExchange(other);
    });

    faultTest('L8', `a send finds its memory taken away, ${access}`, [addon], async ({ scope }) => {
      const [pair, other] = [await connectPair(scope, access), await connectPair(scope, access)];
      const failure = failureOf(pair.client);
      const claim = unwrap(pair.client.claim(100));
      const { bytes } = claim;
      claim.abort();
      takeAway(access, bytes.buffer as ArrayBuffer);
      expect(pair.client.trySend(Uint8Array.of(1))).to.have.property('ok', false);
      expect((await failure)?.code).to.equal('SharedMemoryNotAvailable');
      await expectExchange(other);
    });
  }
});
