import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scoped, until } from '@entropynet/conformance/tools';
import { hashFile, type HashFile } from '@entropynet/streams/internal/files/file-hash';
import { Inbox } from '@entropynet/streams/internal/files/inbox';
import type { TransferProgress } from '@entropynet/streams/files';
import { receiveInto } from '@entropynet/streams/internal/files/receive-file';
import { sendFrom } from '@entropynet/streams/internal/files/send-file';
import { TRANSFER_TIMES, type Word } from '@entropynet/streams/internal/files/words';
import { CHANNEL_ASSET_UPLOAD } from '@entropynet/core';
import { expect } from 'chai';
import { COMMON, FullInbox, ManualTime, RawSide, receive, send, setUp, sha256Of } from './transfer-bench.js';
import { arriveLate, SHORT_LIMIT_MS } from '@entropynet/test/support/late-arrival';

describe('a transfer of a file', () => {
  it(
    'continues after its own beginning, and leaves that of another sender',
    scoped(async (scope) => {
      const { inbox, path, connect } = await setUp(scope);
      const bytes = randomBytes(1_000_000);
      await writeFile(path, bytes);
      // Two senders of one name and size break off: this one at 300,000 bytes, another one at 500,000.
      for (const beginning of [bytes.subarray(0, 300_000), randomBytes(500_000)]) {
        const { sender, receiver } = await connect();
        const received = receive(receiver, inbox);
        const side = await RawSide.open(sender);
        await side.say({ name: 'file', size: bytes.length });
        await side.next();
        await side.say({ from: 0 });
        await side.piece(beginning);
        await sender.close();
        expect(await received)
          .to.have.property('message')
          .that.includes('send it again to continue');
      }
      const { sender, receiver } = await connect();
      const received = receive(receiver, inbox);
      expect(await send(sender, path)).to.include({ sent: 700_000, sha256: sha256Of(bytes) });
      expect(await received).to.include({ received: 700_000, sha256: sha256Of(bytes) });
      expect((await readFile(join(inbox, 'file'))).equals(bytes)).to.be.true;
      expect(await readdir(join(inbox, '.entropynet-parts'))).to.have.length(1);
    }),
  );

  it(
    'admits one of two senders that offer a name at the same moment, in any case',
    scoped(async (scope) => {
      const { inbox, connect } = await setUp(scope);
      const two = [await connect(), await connect()];
      const received = two.map(({ receiver }) => receive(receiver, inbox));
      const sides = await Promise.all(two.map(({ sender }) => RawSide.open(sender)));
      const contents = [Buffer.alloc(200_000, 'a'), Buffer.alloc(200_000, 'b')] as const;
      await Promise.all(sides.map((side, index) => side.say({ name: ['Same', 'same'][index], size: 200_000 })));
      const answers = await Promise.all(sides.map((side) => side.next()));
      const winner = answers.findIndex((answer) => 'have' in answer);
      expect(answers[1 - winner])
        .to.have.property('refused')
        .that.includes('is being received from another sender');
      const [side, content] = [sides[winner]!, contents[winner]!];
      await side.say({ from: 0 });
      await side.piece(content);
      await side.say({ sha256: sha256Of(content) });
      expect(await side.next()).to.deep.equal({ done: true });
      expect(await received[winner]).to.include({ sha256: sha256Of(content) });
      expect((await readFile(join(inbox, ['Same', 'same'][winner]!))).equals(content)).to.be.true;
    }),
  );

  it(
    'checks the bytes on the disk, not the received ones',
    scoped(async (scope) => {
      const { inbox, connect } = await setUp(scope);
      const { sender, receiver } = await connect();
      // Somebody changes the file on the disk before it is whole.
      const hash: HashFile = async (into, file, range, options) => {
        await file.write('changed', 0);
        await hashFile(into, file, range, options);
      };
      const received = receive(receiver, inbox, { hash });
      const side = await RawSide.open(sender);
      const bytes = randomBytes(1000);
      await side.say({ name: 'file', size: bytes.length });
      await side.next();
      await side.say({ from: 0 });
      await side.piece(bytes);
      await side.say({ sha256: sha256Of(bytes) });
      expect(await side.next())
        .to.have.property('refused')
        .that.includes('arrived damaged');
      expect(await received)
        .to.have.property('message')
        .that.includes('arrived damaged');
      expect(await readdir(inbox)).to.deep.equal([]);
    }),
  );

  for (const slow of ['receiver', 'sender'] as const) {
    it(
      `continues while the ${slow} hashes for much longer than the silence limit`,
      scoped(async (scope) => {
        const { inbox, path, connect } = await setUp(scope);
        const bytes = randomBytes(400_000);
        await writeFile(path, bytes);
        const first = await connect();
        const broken = receive(first.receiver, inbox);
        const side = await RawSide.open(first.sender);
        await side.say({ name: 'file', size: bytes.length });
        await side.next();
        await side.say({ from: 0 });
        await side.piece(bytes.subarray(0, 100_000));
        await first.sender.close();
        await broken;
        const time = new ManualTime();
        const { sender, receiver } = await connect();
        let heard = 0;
        const slowHash: HashFile = async (into, file, range, options) => {
          for (let spent = 0; spent < 10 * time.silenceMs; spent += time.talkMs) {
            const before = heard;
            time.pass(time.talkMs);
            await until(() => heard > before, 'the other side hears that this one is busy');
          }
          await hashFile(into, file, range, options);
        };
        const onProgress = ({ phase }: TransferProgress): void => {
          if (phase === 'other side checking') heard += 1;
        };
        const received = receiveInto(receiver, {
          ...COMMON,
          openInbox: () => Inbox.open(inbox),
          maxBytes: bytes.length,
          onProgress,
          times: time,
          ...(slow === 'receiver' && { hash: slowHash }),
        });
        const sent = await sendFrom(sender, {
          ...COMMON,
          name: 'file',
          open: () => open(path),
          onProgress,
          times: time,
          ...(slow === 'sender' && { hash: slowHash }),
        });
        expect(sent).to.include({ sent: 300_000 });
        expect(await received).to.include({ received: 300_000, sha256: sha256Of(bytes) });
      }),
    );
  }

  it(
    'ends when the other side sends nothing',
    scoped(async (scope) => {
      const { inbox, connect } = await setUp(scope);
      const { sender, receiver } = await connect();
      const time = new ManualTime();
      const received = receive(receiver, inbox, { times: time });
      await RawSide.open(sender);
      await until(() => time.started === 1, 'the receiver waits for an offer');
      time.pass(time.silenceMs);
      expect(await received)
        .to.have.property('message')
        .that.includes('sent nothing for 30000 ms');
    }),
  );

  it(
    'shows the reason of a refusal that comes while bytes are sent, also from a side that has left since',
    scoped(async (scope) => {
      const { path, connect } = await setUp(scope);
      await writeFile(path, randomBytes(5_000_000));
      const { sender, receiver } = await connect();
      const pieces = receiver.messages({ channel: CHANNEL_ASSET_UPLOAD });
      const side = await RawSide.open(receiver);
      const sent = send(sender, path);
      await side.next();
      await side.say({ have: 0, sha256: sha256Of(new Uint8Array(0)) });
      await side.next();
      await pieces.next();
      await side.say({ refused: 'ENOSPC: no space left on device' });
      await receiver.close();
      expect(await sent)
        .to.have.property('message')
        .that.equals('the other side refused: ENOSPC: no space left on device');
    }),
  );

  (existsSync('/dev/full') ? it : it.skip)(
    'tells the sender whose disk is full, which file stopped and what to do, and continues afterwards',
    scoped(async (scope) => {
      const { path, inbox, connect } = await setUp(scope);
      const content = randomBytes(3_000_000);
      await writeFile(path, content);
      const first = await connect();
      const openInbox = () => Promise.resolve(new FullInbox(inbox, scope, 1_000_000));
      const received = receiveInto(first.receiver, { ...COMMON, openInbox, maxBytes: content.length }).then(
        () => undefined,
        (error: unknown) => error,
      );
      const sent = await send(first.sender, path);
      expect(sent)
        .to.have.property('message')
        .that.equals(
          "the other side refused: it can't store 'file'; its reason: the disk is full: make room there (ENOSPC); " +
            'send it again to continue where it stopped',
        );
      expect(await received).to.have.property('code', 'ENOSPC');
      const second = await connect();
      const [whole, again] = await Promise.all([receive(second.receiver, inbox), send(second.sender, path)]);
      expect(again).to.have.property('sent').that.is.below(content.length);
      expect(whole).to.have.property('sha256', sha256Of(content));
      expect(await readFile(join(inbox, 'file'))).to.deep.equal(content);
    }),
  );

  const NONSENSE: readonly (readonly [string, readonly Word[], string])[] = [
    ['a size that is none', [{ name: 'file', size: -1 }], "'size' must be a number"],
    ['a name that is none', [{ name: 7, size: 1 }], "'name' must be a text"],
    ['a size above the limit', [{ name: 'file', size: 2_000_000_000 }], 'at most'],
    ['a place that was not offered', [{ name: 'file', size: 9 }, { from: 5 }], 'this side offered to continue at 0'],
    ['a hash that is none', [{ name: 'file', size: 0 }, { from: 0 }, { sha256: '\u001b[2J' }], '64 hexadecimal digits'],
    [
      'words without end',
      [{ name: 'file', size: 9 }, { from: 0 }, ...Array<Word>(20).fill({})],
      'sent more than this side requested',
    ],
  ];
  for (const [what, said, sentence] of NONSENSE) {
    it(
      `refuses ${what}, and keeps nothing`,
      scoped(async (scope) => {
        const { inbox, connect } = await setUp(scope);
        const { sender, receiver } = await connect();
        const received = receive(receiver, inbox);
        const side = await RawSide.open(sender);
        for (const word of said) await side.say(word);
        expect(await received)
          .to.have.property('message')
          .that.includes(sentence);
        expect(await readdir(inbox)).to.deep.equal([]);
        // The name is free again.
        await (await Inbox.open(inbox)).reserve('file').release();
      }),
    );
  }

  it('reads the bytes that arrived while its process was stopped before it gives up', async () => {
    const events: string[] = [];
    const cancel = TRANSFER_TIMES.after(SHORT_LIMIT_MS, () => events.push('gave up'));
    TRANSFER_TIMES.after(SHORT_LIMIT_MS, () => events.push('later'));
    arriveLate(() => {
      events.push('arrival');
      cancel();
    });
    await until(() => events.includes('later'), 'the time passed');
    expect(events).to.deep.equal(['arrival', 'later']);
  });

  it('waits half a minute for a message, and sends much more often', () => {
    expect(TRANSFER_TIMES.talkMs * 3).to.be.below(TRANSFER_TIMES.silenceMs);
  });
});
