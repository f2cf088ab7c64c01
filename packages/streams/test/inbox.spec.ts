import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inbox, type Part, type ReservedName } from '@entropynet/streams/internal/files/inbox';
import { expect } from 'chai';

const PARTS = '.entropynet-parts';

describe('the folder of received files', () => {
  let folder: string;
  let inbox: Inbox;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'entropynet-inbox-'));
    inbox = await Inbox.open(folder);
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function written(reservation: ReservedName, text: string): Promise<Part> {
    const part = await reservation.create();
    await part.file.write(text);
    return part;
  }

  /** Leaves a part as a transfer that broke does. */
  async function breakOff(name: string, text: string): Promise<void> {
    const reservation = inbox.reserve(name);
    await written(reservation, text);
    await reservation.release();
  }

  async function textsOffered(name: string, most: number): Promise<string[]> {
    const reservation = inbox.reserve(name);
    const parts = await reservation.beginnings(most);
    const texts = await Promise.all(parts.map(({ path }) => readFile(path, 'utf8')));
    await reservation.release();
    return texts.sort();
  }

  it('gives a name, or an equivalent of it, to one transfer at a time', async () => {
    const reservation = inbox.reserve('Level');
    expect(() => inbox.reserve('Level')).to.throw("'Level' is being received from another sender");
    expect(() => inbox.reserve('lEVEL')).to.throw('is being received from another sender');
    const same = await Inbox.open(join(folder, '.'));
    expect(() => same.reserve('Level')).to.throw('is being received from another sender');
    await inbox.reserve('other').release();
    await reservation.release();
    await inbox.reserve('Level').release();
  });

  it('is one folder for all paths that lead to it', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'entropynet-inbox-'));
    try {
      await symlink(folder, join(elsewhere, 'link'), 'junction');
      const linked = await Inbox.open(join(elsewhere, 'link'));
      const reservation = linked.reserve('Level');
      expect(() => inbox.reserve('Level')).to.throw("'Level' is being received from another sender");
      await reservation.publish(await written(reservation, 'whole'));
      await reservation.release();
      await inbox.reserve('Level').release();
    } finally {
      await rm(elsewhere, { recursive: true });
    }
    expect(await readFile(join(folder, 'Level'), 'utf8')).to.equal('whole');
  });

  it('keeps no name if it fails to reserve one', async () => {
    const { createHash } = crypto;
    crypto.createHash = () => {
      throw new Error('no memory');
    };
    syncBuiltinESMExports();
    try {
      expect(() => inbox.reserve('file')).to.throw('no memory');
    } finally {
      crypto.createHash = createHash;
      syncBuiltinESMExports();
    }
    await inbox.reserve('file').release();
  });

  it('gives a complete file its name, and leaves no other file', async () => {
    const reservation = inbox.reserve('file');
    await reservation.checkFree();
    await reservation.publish(await written(reservation, 'whole'));
    await reservation.release();
    expect(await readdir(folder)).to.deep.equal(['file']);
    expect(await readFile(join(folder, 'file'), 'utf8')).to.equal('whole');
  });

  it('replaces no file, even one created during the transfer', async () => {
    const reservation = inbox.reserve('file');
    const part = await written(reservation, 'new');
    await writeFile(join(folder, 'file'), 'old');
    const outcome = await reservation.publish(part).catch(String);
    await reservation.release();
    expect(outcome).to.include("there is a 'file' already");
    expect(await readFile(join(folder, 'file'), 'utf8')).to.equal('old');
  });

  it('refuses an existing name in any case before any byte arrives', async () => {
    await writeFile(join(folder, 'Makefile'), '');
    for (const [name, sentence] of [
      ['Makefile', "there is a 'Makefile' already"],
      ['makefile', "there is a 'Makefile' already, and some file systems treat 'makefile' as the same name"],
    ] as const) {
      const reservation = inbox.reserve(name);
      expect(await reservation.checkFree().catch(String)).to.include(sentence);
      await reservation.release();
    }
    await symlink('/nowhere', join(folder, 'dangling'));
    const reservation = inbox.reserve('dangling');
    expect(await reservation.checkFree().catch(String)).to.include("there is a 'dangling' already");
    await reservation.release();
  });

  it('gives the name on a file system without hard links', async () => {
    const withoutLinks = await Inbox.open(folder, () =>
      Promise.reject(Object.assign(new Error('operation not permitted'), { code: 'EPERM' })),
    );
    const reservation = withoutLinks.reserve('file');
    await reservation.publish(await written(reservation, 'whole'));
    await reservation.release();
    const again = withoutLinks.reserve('file');
    const outcome = await again.publish(await written(again, 'other')).catch(String);
    await again.release();
    expect(outcome).to.include("there is a 'file' already");
    expect(await readFile(join(folder, 'file'), 'utf8')).to.equal('whole');
  });

  it("offers the parts of interrupted transfers of that name, up to the file's size", async () => {
    await breakOff('file', 'one');
    await breakOff('file', 'three');
    await breakOff('other', 'two');
    expect(await textsOffered('file', 5)).to.deep.equal(['one', 'three']);
    expect(await textsOffered('file', 4)).to.deep.equal(['one']);
    expect(await readdir(join(folder, PARTS))).to.have.length(3);
  });

  it('releases the name and every part even if another process has removed the parts', async () => {
    const reservation = inbox.reserve('file');
    const parts = [await reservation.create(), await reservation.create()];
    await rm(join(folder, PARTS), { recursive: true });
    await reservation.release();
    expect(parts.map(({ file }) => file.fd)).to.deep.equal([-1, -1]);
    await inbox.reserve('file').release();
  });

  it("closes a part whose size it can't read", async () => {
    await breakOff('file', 'part');
    const folderHandle = await open(folder);
    const methods = Object.getPrototypeOf(folderHandle) as FileHandle;
    await folderHandle.close();
    const { stat } = methods;
    const asked: FileHandle[] = [];
    Object.assign(methods, {
      stat(this: FileHandle) {
        asked.push(this);
        return Promise.reject(new Error('the disk is broken'));
      },
    });
    const reservation = inbox.reserve('file');
    try {
      expect(await reservation.beginnings(10).catch(String)).to.include('the disk is broken');
    } finally {
      methods.stat = stat;
    }
    expect(asked.map(({ fd }) => fd)).to.deep.equal([-1]);
    await reservation.release();
    expect(await textsOffered('file', 10)).to.deep.equal(['part']);
  });

  it('keeps no part without bytes', async () => {
    await breakOff('file', '');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('leaves the part of a living process, and takes the part of a dead one', async () => {
    await breakOff('file', 'part');
    const [part = ''] = await readdir(join(folder, PARTS));
    const child = spawn(process.execPath, ['--eval', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await rename(
      join(folder, PARTS, part),
      join(folder, PARTS, part.replace(`.${process.pid}.`, `.${String(child.pid)}.`)),
    );
    expect(await textsOffered('file', 10)).to.deep.equal([]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await textsOffered('file', 10)).to.deep.equal(['part']);
  });

  it('never continues in a received file that a crash left with two names', async () => {
    await breakOff('file', 'received');
    const [part = ''] = await readdir(join(folder, PARTS));
    await link(join(folder, PARTS, part), join(folder, 'renamed since'));
    expect(await textsOffered('file', 100)).to.deep.equal([]);
    expect(await readdir(folder)).to.deep.equal(['renamed since']);
    expect(await readFile(join(folder, 'renamed since'), 'utf8')).to.equal('received');
  });

  it('writes no part through a link', async () => {
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    await symlink(elsewhere, join(folder, PARTS));
    const reservation = inbox.reserve('file');
    expect(await reservation.beginnings(10).catch(String)).to.include(`'${PARTS}' in the folder is not a folder`);
    await reservation.release();
    expect(await readdir(elsewhere)).to.deep.equal([]);
  });
});
