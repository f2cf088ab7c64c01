import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { until } from '@entropynet/conformance/tools';

/** The open resources of a process, by the system and Node.js: the number of each kind. */
export class OpenThings {
  private constructor(
    private readonly counts: ReadonlyMap<string, number>,
    private readonly details: string,
  ) {}

  /** Starts the resources that Node.js keeps: its thread pool, and the spare descriptor of a listening socket. */
  static async warmUp(): Promise<void> {
    await Promise.all(Array.from({ length: 16 }, () => readFile('/dev/null').catch(() => undefined)));
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await once(connect(port, '127.0.0.1').resume(), 'close');
    server.close();
    await once(server, 'close');
  }

  static now(): OpenThings {
    globalThis.gc?.();
    const counts = new Map<string, number>();
    const details: string[] = [];
    const add = (kind: string, detail = ''): void => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (detail !== '') details.push(detail);
    };
    for (const kind of process.getActiveResourcesInfo()) {
      // An immediate ends in the next turn.
      if (kind !== 'Immediate') add(`resource ${kind}`);
    }
    for (const name of readdirSync(tmpdir()))
      if (name.startsWith('entropynet')) add('file in the temporary folder', name);
    if (process.platform === 'linux') {
      for (const name of descriptorsOf()) add('descriptor', name);
      for (const thread of readdirSync('/proc/self/task')) {
        add('thread');
        for (const child of childrenOf(thread)) add('child process', child);
      }
      for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
        if (line.includes('memfd:entropynet')) add('mapping', line);
      }
      // Database servers of other tests may have names there.
      for (const name of readdirSync('/dev/shm')) if (/entropynet/i.test(name)) add('name in /dev/shm', name);
    }
    return new OpenThings(counts, details.join(', '));
  }

  /** Waits until no more is open than before. If that does not happen, it rejects and names the difference. */
  async expectNothingNew(): Promise<void> {
    let now = OpenThings.now();
    await until(
      () => {
        now = OpenThings.now();
        return [...now.counts].every(([kind, count]) => count <= (this.counts.get(kind) ?? 0));
      },
      () => `no more is open than before: ${show(this.counts)} before, ${show(now.counts)} after (${now.details})`,
      20_000,
    );
  }
}

function descriptorsOf(): string[] {
  return readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${number}`);
      // This listing itself has that one open.
      return /^\/proc\/\d+\/fd$/.test(target) ? [] : [`${number} ${target}`];
    } catch {
      return [];
    }
  });
}

function childrenOf(thread: string): string[] {
  try {
    return readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

function show(counts: ReadonlyMap<string, number>): string {
  return JSON.stringify(Object.fromEntries(counts));
}
