import { type ConnectionConfig, unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { loadNativeBinding } from '@entropynet/transport-shm/internal/native-binding';

/** The task of the process, and its user. */
export interface OtherUserTask {
  readonly user: number;
  readonly group: number;
  /** Further groups beside `group`. */
  readonly groups?: readonly number[];
  readonly does: 'connect' | 'listen' | 'lock';
  readonly config: ConnectionConfig;
  /** The path of the file to lock. */
  readonly path?: string;
}

// The program reads its files before it becomes another user, who may not be allowed to.
const task = JSON.parse(process.argv[2]!) as OtherUserTask;
const binding = unwrap(loadNativeBinding());
process.setgroups!([...(task.groups ?? [])]);
process.setgid!(task.group);
process.setuid!(task.user);

/** Prints a value for the parent, in one line. */
function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function connect(): Promise<unknown> {
  const client = new SharedMemoryConnection(task.config);
  const connected = await client.connect();
  if (!connected.ok) return { code: connected.error.code, message: connected.error.message };
  const answered = new Promise<string>((resolve) => {
    client.setMessageCallback((bytes) => {
      resolve(Buffer.from(bytes).toString());
    });
  });
  unwrap(await client.send(Buffer.from('hello')));
  const answer = { answer: await answered, server: client.peer.user };
  await client.disconnect();
  return answer;
}

async function listen(): Promise<void> {
  const server = new SharedMemoryServer(task.config);
  const listening = await server.listen();
  say(listening.ok ? { listens: true } : { code: listening.error.code, message: listening.error.message });
  // The parent ends it.
  process.stdin.once('end', () => void server.close()).resume();
  for await (const connection of server) {
    connection.setMessageCallback((bytes) => connection.trySend(bytes));
    connection.startReceiving();
  }
}

if (task.does === 'connect') say(await connect());
else if (task.does === 'listen') await listen();
else {
  binding.lockFile(task.path!);
  say({ locked: true });
  process.stdin.once('end', () => process.exit()).resume();
}
