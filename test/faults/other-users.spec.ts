import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, failureOf, type Scope } from '@entropynet/conformance/tools';
import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, type SharedMemoryOptions, SharedMemoryServer } from '@entropynet/transport-shm';
import { serverNames } from '@entropynet/transport-shm/internal/discovery/names';
import { freshName } from '../support/fresh-name.js';
import { addon, describeFaults, faultTest, linux, superuser } from './support/fault-test.js';
import type { OtherUserTask } from './support/other-user-program.js';

const PROGRAM = fileURLToPath(new URL('./support/other-user-program.js', import.meta.url));

/** Users and groups that need no account. */
const [GUEST, STRANGER, GROUP] = [54_321, 54_322, 54_323];
/** A user and a group that every Linux system has. */
const DAEMON = { name: 'daemon', id: 1 };

/** A directory that does not exist yet, in one that everybody may pass. */
function ownDirectory(scope: Scope): string {
  const base = mkdtempSync(join(tmpdir(), 'entropynet-'));
  scope.defer(() => {
    rmSync(base, { recursive: true, force: true });
  });
  chmodSync(base, 0o711);
  return join(base, 'above', 'servers');
}

function configIn(directory: string, options: SharedMemoryOptions = {}): ConnectionConfig {
  return { endpoint: freshName(), sharedMemory: { directory, ...options } };
}

async function serve(scope: Scope, config: ConnectionConfig): Promise<SharedMemoryServer> {
  const server = scope.add(new SharedMemoryServer(config));
  unwrap(await server.listen());
  void (async () => {
    for await (const connection of server) {
      const { user } = connection.peer;
      connection.setMessageCallback(() => connection.trySend(Buffer.from(`user ${user}`)));
      connection.startReceiving();
    }
  })();
  return server;
}

interface Other {
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly said: Record<string, unknown>;
}

/** A process of another user; `said` is its first line. */
async function startOther(scope: Scope, task: OtherUserTask): Promise<Other> {
  const args = [...process.execArgv, PROGRAM, JSON.stringify(task)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  scope.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { process: child, ended, said: JSON.parse(line.toString()) as Record<string, unknown> };
}

async function connectAs(
  scope: Scope,
  config: ConnectionConfig,
  who: Pick<OtherUserTask, 'user' | 'group' | 'groups'>,
): Promise<Record<string, unknown>> {
  const other = await startOther(scope, { ...who, does: 'connect', config });
  await other.ended;
  return other.said;
}

const rightsOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describeFaults('other users', () => {
  const needs = [addon, linux, superuser];

  faultTest(
    ['H24', 'H17'],
    'the users in allowedUsers connect, and nobody else does',
    needs,
    async ({ scope, saw }) => {
      const directory = ownDirectory(scope);
      const config = configIn(directory, { allowedUsers: [GUEST, DAEMON.name], serverUser: 0 });
      await serve(scope, config);
      expect(await connectAs(scope, config, { user: GUEST, group: GUEST })).to.deep.equal({
        answer: `user ${GUEST}`,
        server: 0,
      });
      expect(await connectAs(scope, config, { user: DAEMON.id, group: STRANGER })).to.include({ server: 0 });
      const { region, socket } = serverNames(directory, config.endpoint);
      const refused = await connectAs(scope, config, { user: STRANGER, group: STRANGER });
      expect(refused['code']).to.equal('SharedMemoryPermission');
      // The middle digit has the rights of all guests together. Others have no rights.
      expect([join(directory, '..'), directory, region, socket].map(rightsOf)).to.deep.equal([
        '710',
        '710',
        '640',
        '620',
      ]);
      // Even with wider modes, the kernel's answer keeps a stranger out.
      for (const [path, mode] of [
        [join(directory, '..'), 0o711],
        [directory, 0o711],
        [region, 0o644],
        [socket, 0o666],
      ] as const)
        chmodSync(path, mode);
      expect((await connectAs(scope, config, { user: STRANGER, group: STRANGER }))['code']).to.equal('HandshakeFailed');
      expect(await connectAs(scope, config, { user: GUEST, group: GUEST })).to.include({ server: 0 });
      // A server of this directory without guests is for this user only.
      const alone = configIn(directory, { serverUser: 0 });
      await serve(scope, alone);
      const names = serverNames(directory, alone.endpoint);
      expect([names.region, names.socket].map(rightsOf)).to.deep.equal(['600', '600']);
      expect((await connectAs(scope, alone, { user: GUEST, group: GUEST }))['code']).to.equal('SharedMemoryPermission');
      saw('modes and access lists name exactly them; strangers: SharedMemoryPermission');
    },
  );

  faultTest(['H24'], 'the members of allowedGroups connect, and nobody else does', needs, async ({ scope }) => {
    const config = configIn(ownDirectory(scope), { allowedGroups: [GROUP, DAEMON.name], serverUser: 0 });
    await serve(scope, config);
    for (const who of [
      { user: GUEST, group: GROUP },
      { user: GUEST, group: GUEST, groups: [STRANGER, GROUP] },
      { user: GUEST, group: DAEMON.id },
    ])
      expect(await connectAs(scope, config, who)).to.deep.equal({ answer: `user ${GUEST}`, server: 0 });
    const refused = await connectAs(scope, config, { user: GUEST, group: GUEST, groups: [STRANGER] });
    expect(refused['code']).to.equal('SharedMemoryPermission');
  });

  faultTest(['H24'], 'a guest locks the file of a dead server, and the next one listens', needs, async ({ scope }) => {
    const directory = ownDirectory(scope);
    const config = configIn(directory, { allowedUsers: [GUEST], serverUser: 0 });
    const server = await startOther(scope, { user: 0, group: 0, does: 'listen', config });
    expect(server.said).to.deep.equal({ listens: true });
    server.process.kill('SIGKILL');
    await server.ended;
    const { region } = serverNames(directory, config.endpoint);
    const lock = { user: GUEST, group: GUEST, config, path: region } as const;
    expect((await startOther(scope, { ...lock, does: 'lock' })).said).to.deep.equal({ locked: true });
    await serve(scope, config);
    expect(await connectAs(scope, config, { user: GUEST, group: GUEST })).to.include({ server: 0 });
  });

  faultTest('H25', 'a client demands which user the server runs as', needs, async ({ scope, saw }) => {
    const directory = ownDirectory(scope);
    mkdirSync(directory, { recursive: true });
    chmodSync(join(directory, '..'), 0o711);
    chownSync(directory, GUEST, GUEST);
    chmodSync(directory, 0o700);
    const config = configIn(directory, { allowedUsers: [0] });
    const asUser = (serverUser: number): ConnectionConfig => ({
      ...config,
      sharedMemory: { ...config.sharedMemory, serverUser },
    });
    const guest = { user: GUEST, group: GUEST } as const;
    const wrong = await startOther(scope, { ...guest, does: 'listen', config: asUser(STRANGER) });
    expect(wrong.said['code']).to.equal('SharedMemoryPermission');
    expect(wrong.said['message']).to.include(`demands user ${STRANGER}`);
    const server = await startOther(scope, { ...guest, does: 'listen', config });
    expect(server.said).to.deep.equal({ listens: true });
    for (const demanded of [config, asUser(0), asUser(STRANGER)]) {
      const refused = failureOf(await new SharedMemoryConnection(demanded).connect(), 'SharedMemoryPermission');
      expect(refused.message).to.include(`belongs to user ${GUEST}`);
      expect(refused.message).to.include('sharedMemory.serverUser');
    }
    const client = scope.add(new SharedMemoryConnection(asUser(GUEST)));
    unwrap(await client.connect());
    expect(client.peer.user).to.equal(GUEST);
    await client.disconnect();
    saw('SharedMemoryPermission unless the directory, the file and the process are of that user');
  });

  faultTest('H24', 'an account that does not exist, or no directory', [addon, linux], async ({ scope }) => {
    const directory = ownDirectory(scope);
    for (const [options, sentence] of [
      [{ directory, allowedUsers: ['no such user'] }, "has no user 'no such user'"],
      [{ directory, allowedGroups: ['no such group'] }, "has no group 'no such group'"],
      [{ allowedUsers: [GUEST] }, 'allowedUsers needs sharedMemory.directory'],
    ] as const) {
      const server = new SharedMemoryServer({ endpoint: freshName(), sharedMemory: options });
      expect(failureOf(await server.listen(), 'InvalidParameter').message).to.include(sentence);
    }
    for (const serverUser of ['no such user', GUEST]) {
      const client = new SharedMemoryConnection({
        endpoint: freshName(),
        ...(typeof serverUser === 'number'
          ? { sharedMemory: { serverUser } }
          : { sharedMemory: { directory, serverUser } }),
      });
      expect(codeOf(await client.connect())).to.equal('InvalidParameter');
    }
  });
});
