import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { turns, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { receiveFile, sendFile, type TransferProgress } from '@entropynet/streams/files';
import { expect } from 'chai';
import { unhandledDuring } from '../support/unhandled.js';
import { codeOf, failureOf, SOON } from './messaging-support.js';
import { describeOverTransports } from './transport-bench.js';

const PARTS = '.entropynet-parts';

describeOverTransports('files', (bench) => {
  let folder: string;
  let inbox: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'entropynet-files-'));
    inbox = join(folder, 'inbox');
    await mkdir(inbox);
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function fileOf(bytes: Uint8Array, name = 'level.pak'): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  }

  it('travel one after the other over the same channels, and report their progress', async () => {
    const [client, accepted] = await bench.connect({ channelWindow: 65_536 });
    for (const [index, length] of [3_000_000, 0, 1].entries()) {
      const bytes = randomBytes(length);
      const path = await fileOf(bytes, `file ${index}`);
      const heard: TransferProgress[] = [];
      const receiving = receiveFile(accepted, inbox);
      const sent = unwrap(await sendFile(client, path, { onProgress: (progress) => heard.push(progress) }));
      const received = unwrap(await within(receiving, 'it was received'));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      expect(sent).to.deep.equal({ name: `file ${index}`, size: length, sent: length, sha256 });
      expect(received).to.deep.equal({ name: `file ${index}`, size: length, received: length, sha256 });
      expect((await readFile(join(inbox, `file ${index}`))).equals(bytes)).to.equal(true);
      expect(heard.at(-1)).to.deep.equal({
        name: `file ${index}`,
        phase: 'moving',
        done: length,
        total: length,
        from: 0,
      });
    }
    expect(await readdir(inbox)).to.deep.equal(['file 0', 'file 1', 'file 2']);
  });

  it('continue after their received part, on the same connection', async () => {
    const [client, accepted] = await bench.connect({ channelWindow: 65_536 });
    const bytes = randomBytes(3_000_000);
    const path = await fileOf(bytes);
    const controller = new AbortController();
    const receiving = receiveFile(accepted, inbox);
    const reason = new Error('enough');
    const broken = await sendFile(client, path, {
      signal: controller.signal,
      onProgress: ({ phase, done }) => {
        if (phase === 'moving' && done > 1_000_000) controller.abort(reason);
      },
    });
    expect(failureOf(broken)).to.include({ code: 'Aborted', cause: reason });
    expect(codeOf(await within(receiving, 'the receiver was told'))).to.equal('ConnectionClosed');
    expect(await readdir(inbox)).to.deep.equal([PARTS]);
    const again = receiveFile(accepted, inbox);
    const sent = unwrap(await sendFile(client, path));
    expect(sent.sent).to.be.within(1, bytes.length - 500_000);
    expect(unwrap(await within(again, 'it was received')).received).to.equal(sent.sent);
    expect((await readFile(join(inbox, 'level.pak'))).equals(bytes)).to.equal(true);
    expect(await readdir(inbox)).to.deep.equal(['level.pak']);
  });

  it('get nothing of a transfer before them that the receiver gave up', async () => {
    const [client, accepted] = await bench.connect();
    const bytes = randomBytes(1_000_000);
    const path = await fileOf(bytes);
    const controller = new AbortController();
    const onProgress = ({ done }: TransferProgress): void => {
      if (done > 0) controller.abort();
    };
    // The sender is far ahead then: the rest of the bytes and their hash wait at the receiver.
    const broken = receiveFile(accepted, inbox, { signal: controller.signal, onProgress });
    expect(codeOf(await within(sendFile(client, path), 'the sender was told'))).to.equal('ConnectionClosed');
    expect(codeOf(await broken)).to.equal('Aborted');
    const receiving = receiveFile(accepted, inbox);
    unwrap(await within(sendFile(client, path), 'it was sent'));
    unwrap(await receiving);
    expect((await readFile(join(inbox, 'level.pak'))).equals(bytes)).to.equal(true);
  });

  it('get nothing of an offer that its sender gave up before anybody received', async () => {
    const [client, accepted] = await bench.connect();
    const path = await fileOf(randomBytes(1000));
    const given = await sendFile(client, path, { signal: AbortSignal.timeout(50) });
    expect(codeOf(given)).to.equal('Aborted');
    const receiving = receiveFile(accepted, inbox);
    unwrap(await within(sendFile(client, path), 'it was sent'));
    expect(unwrap(await receiving)).to.include({ received: 1000 });
  });

  it('get nothing of an earlier connection of their handle', async () => {
    const { config, accept } = await bench.serve({ channelWindow: 65_536 });
    const handle = bench.open({ ...config, reconnect: SOON });
    unwrap(await handle.connect());
    const path = await fileOf(randomBytes(1000));
    const first = await accept();
    const lost = sendFile(first, path);
    await until(() => handle.channels().length === 2, 'the file was offered');
    await turns(3);
    unwrap(await first.disconnect());
    expect(codeOf(await lost)).to.equal('ConnectionClosed');
    const second = await accept();
    await until(() => handle.isConnected(), 'the handle reconnected');
    const receiving = receiveFile(handle, inbox);
    unwrap(await within(sendFile(second, path), 'it was sent'));
    expect(unwrap(await receiving)).to.include({ received: 1000 });
  });

  it('are refused with the same reason at both sides, and leave nothing', async () => {
    const [client, accepted] = await bench.connect();
    const path = await fileOf(randomBytes(1000));
    await writeFile(join(inbox, 'there'), 'already');
    for (const [options, limit, code, reason] of [
      [{ name: '../outside' }, {}, 'InvalidParameter', 'is not allowed'],
      [{ name: 'there' }, {}, 'AlreadyExists', "there is a 'there' already"],
      [{ name: 'THERE' }, {}, 'AlreadyExists', "there is a 'there' already"],
      [{}, { maxBytes: 999 }, 'ResourceLimitExceeded', 'at most 999 are allowed (maxBytes)'],
    ] as const) {
      const receiving = receiveFile(accepted, inbox, limit);
      const refused = failureOf(await sendFile(client, path, options));
      expect(refused.code).to.equal('Aborted');
      expect(refused.message).to.contain('the other side refused: ').and.to.contain(reason);
      const failure = failureOf(await within(receiving, 'the receiver gave up'));
      expect(failure.code).to.equal(code);
      expect(failure.message).to.contain(reason);
    }
    expect(await readdir(inbox)).to.deep.equal(['there']);
    expect(await readFile(join(inbox, 'there'), 'utf8')).to.equal('already');
  });

  it('end with any thrown value of the progress function as their cause', async () => {
    const [client, accepted] = await bench.connect();
    const path = await fileOf(randomBytes(1000));
    const throwing = {
      onProgress: () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- programs throw such values
        throw null;
      },
    };
    for (const [mine, theirs] of [
      [throwing, {}],
      [{}, throwing],
    ]) {
      const receiving = receiveFile(accepted, inbox, theirs);
      const outcomes = await Promise.all([sendFile(client, path, mine), within(receiving, 'the receiver gave up')]);
      const failure = failureOf(outcomes[mine === throwing ? 0 : 1]);
      expect(failure).to.include({ code: 'CallbackFailed', cause: null });
      expect(failure.message).to.equal('the transfer failed: null');
    }
  });

  it('do not wait for the promise of a progress function, and ignore its rejection', async () => {
    const [client, accepted] = await bench.connect();
    const path = await fileOf(randomBytes(1000));
    const rejecting = { onProgress: () => Promise.reject(new Error('no')) };
    const unhandled = await unhandledDuring(async () => {
      const receiving = receiveFile(accepted, inbox, rejecting);
      unwrap(await sendFile(client, path, rejecting));
      unwrap(await within(receiving, 'the receiver has the file'));
    });
    expect(unhandled).to.deep.equal([]);
  });

  it('have one transfer at a time on a pair of channels, and others on other channels', async () => {
    const [client, accepted] = await bench.connect();
    const path = await fileOf(randomBytes(500_000));
    const receiving = receiveFile(accepted, inbox);
    // When the first call returns, it has both channels, in any order of the disk's answers.
    for (const options of [{}, { controlChannel: 'more-control' }, { channel: 'more' }]) {
      const second = failureOf(await receiveFile(accepted, inbox, options));
      expect(second.code).to.equal('AlreadyExists');
      expect(second.message).to.match(/^another transfer uses the channel 'files(-control)?'$/);
    }
    const others = { channel: 'more', controlChannel: 'more-control' };
    const more = receiveFile(accepted, inbox, others);
    const sending = sendFile(client, path);
    expect(failureOf(await sendFile(client, path, { controlChannel: 'more-control' })).code).to.equal('AlreadyExists');
    const sent = await Promise.all([sending, sendFile(client, path, { ...others, name: 'other' })]);
    expect(sent.map(codeOf)).to.deep.equal(['ok', 'ok']);
    expect([await receiving, await more].map(codeOf)).to.deep.equal(['ok', 'ok']);
  });

  it('leave a control channel alone that another consumer has', async () => {
    const [client, accepted] = await bench.connect();
    const heard: Uint8Array[] = [];
    client.channel('files-control').setMessageCallback((bytes) => heard.push(bytes));
    accepted.channel('files-control').setMessageCallback(() => undefined);
    unwrap(await client.openChannel('files-control'));
    unwrap(await accepted.openChannel('files-control'));
    const refused = failureOf(await receiveFile(accepted, inbox));
    expect(refused.code).to.equal('AlreadyExists');
    expect(refused.message).to.contain('a message callback takes the messages');
    unwrap(await accepted.sendOnChannel('files-control', Uint8Array.of(1)));
    await until(() => heard.length > 0, 'the next message came');
    expect(heard.map((bytes) => [...bytes])).to.deep.equal([[1]]);
  });

  it("end with the connection, and name the file that can't be read or written", async () => {
    const [client, accepted] = await bench.connect();
    const path = await fileOf(randomBytes(1000));
    for (const [failed, reason] of [
      [await sendFile(client, join(folder, 'nowhere')), `ENOENT: no such file or directory, stat '${folder}`],
      [await sendFile(client, inbox), `${inbox} is not a file`],
      [await receiveFile(accepted, join(folder, 'nowhere')), `ENOENT: no such file or directory, opendir '${folder}`],
      [await receiveFile(accepted, path), `ENOTDIR: not a directory, opendir '${path}'`],
    ] as const) {
      expect(failureOf(failed).code).to.equal('InvalidParameter');
      expect(failureOf(failed).message).to.contain(reason);
    }
    const sending = sendFile(client, path);
    await until(() => accepted.isChannelOpen('files-control'), 'the sender has begun');
    await turns(3);
    await accepted.close();
    expect(codeOf(await within(sending, 'the transfer ended'))).to.equal('ConnectionClosed');
  });
});
