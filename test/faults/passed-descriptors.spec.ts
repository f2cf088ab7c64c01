import { type Scope, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SharedMemoryServer } from '@entropynet/transport-shm';
import { addon, describeFaults, faultTest, linux } from './support/fault-test.js';
import { expectServing, ownFixture } from './support/processes.js';

/**
 * Passes `count` TCP sockets, each over a separate connection. The last process that closes such a socket waits
 * forever, because nobody reads its bytes. If the server closes its copy first, the attacker's own close waits. A
 * signal ends that wait, and another socket replaces this one. The program ends with its input.
 */
const ATTACKER = `
import signal, socket, struct, sys
path, count = sys.argv[1], int(sys.argv[2])
kept = []
late = 0
def on_alarm(*_):
    global late
    late += 1
signal.signal(signal.SIGALRM, on_alarm)
listener = socket.create_server(('127.0.0.1', 0))
passed = 0
while passed < count:
    a = socket.create_connection(listener.getsockname())
    kept.append(listener.accept()[0])
    a.setblocking(False)
    try:
        while True: a.send(b'x' * 65536)
    except BlockingIOError: pass
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 100000))
    u = socket.socket(socket.AF_UNIX)
    u.connect(path)
    socket.send_fds(u, [b'x'], [a.fileno()])
    before = late
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    a.close()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if late == before: passed += 1
    kept.append(u)
print('passed', flush=True)
sys.stdin.read()
`;

async function attack(scope: Scope, path: string, count: number): Promise<() => Promise<void>> {
  const child = spawn('python3', ['-c', ATTACKER, path, String(count)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const end = async (): Promise<void> => {
    child.stdin.end();
    await closed;
  };
  scope.defer(end);
  await once(child.stdout, 'data');
  return end;
}

describeFaults('passed descriptors', () => {
  for (const count of [1, 100]) {
    faultTest('H21', `a client passes ${count} sockets that linger`, [addon, linux], async ({ scope }) => {
      const fixture = ownFixture(scope);
      const config = fixture.freshConfig();
      const server = scope.add(new SharedMemoryServer(config));
      unwrap(await server.listen());
      const directory = config.sharedMemory!.directory!;
      const name = readdirSync(directory).find((each) => each.endsWith('.socket'))!;
      const before = readdirSync('/proc/self/fd').length;
      const end = await attack(scope, join(directory, name), count);
      // If the event loop were blocked, nothing here would run before the attacker ends, which it does not.
      if (count === 1) await expectServing(scope, fixture, config, () => server.accept());
      expect(readdirSync('/proc/self/fd').length - before).to.be.lessThan(100);
      await end();
      await until(() => readdirSync('/proc/self/fd').length <= before + 10, 'all are closed');
      await expectServing(scope, fixture, config, () => server.accept());
    });
  }
});
