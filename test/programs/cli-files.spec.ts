import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNetworking } from 'entropynet';
import { scoped, until } from '@entropynet/conformance/tools';
import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { runInProcess } from '../support/command-in-process.js';
import { freshName } from '../support/fresh-name.js';
import { CommandFolder, ENDPOINTS } from './cli-support.js';

const folder = new CommandFolder();
const PARTS = '.entropynet-parts';

/** Sends the beginning of a file and leaves. */
async function breakOff(address: string, name: string, size: number, beginning: Uint8Array): Promise<void> {
  const { manager, close } = await createNetworking();
  try {
    const handle = unwrap(manager.openConnection({ endpoint: address, sharedMemory: { directory: folder.directory } }));
    unwrap(await handle.connect());
    const words = handle.messages({ channel: CHANNEL_CONTROL });
    const say = async (word: object): Promise<void> => {
      unwrap(await handle.sendOnChannel(CHANNEL_CONTROL, new TextEncoder().encode(JSON.stringify(word))));
    };
    unwrap(await handle.openChannel(CHANNEL_CONTROL));
    unwrap(await handle.openChannel(CHANNEL_ASSET_UPLOAD));
    await say({ name, size });
    await words.next();
    await say({ from: 0 });
    unwrap(await handle.sendOnChannel(CHANNEL_ASSET_UPLOAD, beginning));
    unwrap(await handle.disconnect());
  } finally {
    await close();
  }
}

describe('files by the command line', function () {
  // Most tests start several processes.
  this.timeout(60_000);

  folder.useHere();

  for (const [what, freshEndpoint] of Object.entries(ENDPOINTS)) describeOver(what, freshEndpoint);
});

function describeOver(what: string, freshEndpoint: () => string): void {
  describe(`over ${what}`, () => {
    if (process.platform === 'linux') {
      it(
        'says at both ends that the receiver may not store so long a file, which one it is, and what to do',
        scoped(async (scope) => {
          const inbox = join(folder.path, freshName());
          const path = join(folder.path, freshName());
          await writeFile(path, Buffer.alloc(8_000_000));
          const line = ['receive', freshEndpoint(), inbox, '--once'];
          // The limit counts for a region, too, and a region is smaller.
          const server = folder.start(scope, line, '', ['prlimit', '--fsize=6000000']);
          const shortage = 'a file may not become that long: raise "ulimit -f", or use another file system (EFBIG)';
          const sent = await runInProcess(['send', path, await server.address(), '--name', 'long']);
          expect(sent.code).to.equal(1);
          expect(sent.errors).to.include(
            `the other side refused: it can't store 'long'; its reason: ${shortage}; send it again to continue`,
          );
          const received = await server.ended();
          expect(received.code).to.equal(1);
          expect(received.errors).to.include(`the transfer failed at ${inbox}: ${shortage}; what has arrived stays`);
        }),
      );
    }

    it(
      'sends a file, checked by its hash, and continues an interrupted transfer',
      scoped(async (scope) => {
        const inbox = join(folder.path, freshName());
        await mkdir(inbox);
        const path = join(folder.path, freshName());
        const bytes = randomBytes(1_500_000);
        await writeFile(path, bytes);
        const { server, address } = await folder.listening(scope, ['receive', freshEndpoint(), inbox, '--json']);
        // The beginning of another file must not become part of this one. The sender does not repeat the beginning of
        // this one.
        await breakOff(address, 'other', bytes.length, randomBytes(400_000));
        await server.said("'other' stopped at 400000 of 1500000 bytes");
        await breakOff(address, 'part', bytes.length, bytes.subarray(0, 700_000));
        await server.said("'part' stopped at 700000 of 1500000 bytes");
        const sent: Record<string, number> = {};
        for (const name of ['whole', 'other', 'part', 'empty']) {
          if (name === 'empty') await writeFile(path, '');
          const end = await runInProcess(['send', path, address, '--name', name, '--json']);
          expect(end.code, end.errors).to.equal(0);
          sent[name] = (JSON.parse(end.output) as { sent: number }).sent;
        }
        expect(sent).to.deep.equal({ whole: 1_500_000, other: 1_500_000, part: 800_000, empty: 0 });
        for (const name of ['whole', 'other', 'part'])
          expect((await readFile(join(inbox, name))).equals(bytes)).to.be.true;
        expect((await readdir(inbox)).sort()).to.deep.equal([PARTS, 'empty', 'other', 'part', 'whole']);
        // It is the beginning of another file.
        expect(await readdir(join(inbox, PARTS))).to.have.length(1);
        server.signal('SIGINT');
        const lines = (await server.ended()).output.trim().split('\n');
        const [first] = lines.map((line) => JSON.parse(line) as { name: string; sha256: string });
        expect(first).to.include({ name: 'whole', sha256: createHash('sha256').update(bytes).digest('hex') });
      }),
    );

    for (const name of ['../outside', '.profile']) {
      it(
        `refuses a file with the name ${JSON.stringify(name).slice(0, 20)}`,
        scoped(async (scope) => {
          const inbox = join(folder.path, freshName());
          const path = join(folder.path, freshName());
          await writeFile(path, 'content');
          const { server, address } = await folder.listening(scope, ['receive', freshEndpoint(), inbox, '--once']);
          const end = await runInProcess(['send', path, address, '--name', name]);
          expect(end.code).to.equal(1);
          expect(end.errors).to.include('the other side refused: the name');
          expect((await server.ended()).code).to.equal(1);
          expect(await readdir(inbox)).to.deep.equal([]);
        }),
      );
    }

    it(
      'replaces no file and refuses one that is too large',
      scoped(async (scope) => {
        const inbox = join(folder.path, freshName());
        await mkdir(inbox);
        await writeFile(join(inbox, 'there'), 'before');
        const path = join(folder.path, freshName());
        await writeFile(path, 'a file of 22 bytes now');
        const { address } = await folder.listening(scope, [
          'receive',
          freshEndpoint(),
          inbox,
          '--max-size',
          '0.00000001',
        ]);
        const twice = await runInProcess(['send', path, address, '--name', 'there']);
        expect(twice.errors).to.include('at most');
        const other = await folder.listening(scope, ['receive', freshEndpoint(), inbox]);
        const replaced = await runInProcess(['send', path, other.address, '--name', 'there']);
        expect(replaced.errors).to.include("there is a 'there' already");
        expect(await readFile(join(inbox, 'there'), 'utf8')).to.equal('before');
      }),
    );

    it(
      'keeps the received part of a file whose sender is killed',
      scoped(async (scope) => {
        const inbox = join(folder.path, freshName());
        const path = join(folder.path, freshName());
        // Far more than can be in flight before the death of the sender. It takes no space on the disk.
        await writeFile(path, '');
        await truncate(path, 4_000_000_000);
        const { server, address } = await folder.listening(scope, ['receive', freshEndpoint(), inbox, '--once']);
        const sender = folder.start(scope, ['send', path, address, '--name', 'big']);
        const partSize = async (): Promise<number> => {
          const [part = 'none'] = await readdir(join(inbox, PARTS)).catch(() => []);
          return await stat(join(inbox, PARTS, part)).then(
            ({ size }) => size,
            () => 0,
          );
        };
        await until(async () => (await partSize()) > 0, 'some of it is there');
        sender.signal('SIGKILL');
        const end = await server.ended();
        expect(end.code).to.equal(1);
        expect(end.errors).to.match(/entropynet: .*(PeerDied|stopped at|left before|the peer|connection)/);
        expect(await readdir(inbox)).to.deep.equal([PARTS]);
        expect(await partSize()).to.be.above(0);
      }),
    );
  });
}
