import { turns, until, within } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import { requestReply } from '@entropynet/messaging';
import { expect } from 'chai';
import { codeOf, failureOf, numberBytes, RawPeer } from './messaging-support.js';
import { describeOverTransports } from './transport-bench.js';

const JUNK: readonly (readonly number[])[] = [
  [],
  [0],
  [1],
  [9, 1, 0, 0, 0],
  [2, 1],
  [2, 99, 0, 0, 0, 7],
  [3, 99, 0, 0, 0],
  [3, 99, 0, 0, 0, 200],
  [4, 1, 2, 3, 4],
  [4],
  [5, 1, 0, 0],
  [5, 1, 0, 0, 0, 0x5b],
  [5, 2, 0, 0, 0, 0x31],
  [6, 1, 0, 0, 0, 1],
  [255, 255, 255, 255, 255, 255],
];

describeOverTransports('requests with a hostile peer', (bench) => {
  it('take the first reply with their number, among junk, guesses and replays', async () => {
    const [client, accepted] = await bench.connect();
    const requests = unwrap(await requestReply(client));
    const peer = await RawPeer.on(accepted);
    const replies: Uint8Array[] = [];
    for (let round = 0; round < 20; round += 1) {
      const asked = requests.request(round);
      const number = await peer.requestNumber(round);
      for (const junk of JUNK) await peer.say(junk);
      // All earlier replies again, a guessed next number, and half a reply.
      for (const earlier of replies) await peer.say(earlier);
      const next = Buffer.from(number);
      next.writeUInt32LE((next.readUInt32LE() + 1) % 2 ** 32);
      await peer.say([2], next, '"a guess"');
      await peer.say([2], number.subarray(0, 3));
      const reply = Buffer.concat([Uint8Array.of(2), number, Buffer.from(`"reply ${round}"`)]);
      await peer.say(reply);
      await peer.say([2], number, '"second"');
      replies.push(reply);
      expect(unwrap(await within(asked, 'the reply came'))).to.equal(`reply ${round}`);
    }
    expect(client.isConnected()).to.equal(true);
  });

  it("show the peer's text as plain text of limited length", async () => {
    const [client, accepted] = await bench.connect();
    const requests = unwrap(await requestReply(client));
    const peer = await RawPeer.on(accepted);
    const asked = requests.request(1);
    await peer.say([3], await peer.requestNumber(0), [250], '\u001b[31mred\u202e ', 'x'.repeat(100_000));
    const failure = failureOf(await asked);
    expect(failure.code).to.equal('CallbackFailed');
    expect(failure.message).to.contain('\\u{1b}[31mred\\u{202e}').and.to.have.length.below(2100);
    const again = requests.request(2);
    await peer.say([2], await peer.requestNumber(1), [0xff, 0xfe]);
    expect(codeOf(await again)).to.equal('InvalidMessage');
  });

  it('answer each number once, and give metadata only to its own request', async () => {
    const [client, accepted] = await bench.connect();
    const requests = unwrap(await requestReply(client));
    const handled: unknown[] = [];
    const finish: (() => void)[] = [];
    requests.handle(async (value, { metadata }) => {
      handled.push([value, { ...metadata }]);
      await new Promise<void>((resolve) => finish.push(resolve));
      return value;
    });
    const peer = await RawPeer.on(accepted);
    await peer.say([5], numberBytes(7), '{"to":"another"}');
    await peer.say([1], numberBytes(8), '"first"');
    await peer.say([1], numberBytes(8), '"doubled"');
    await peer.say([5], numberBytes(9), '{"__proto__":"x","a":"b","c":1}');
    await peer.say([1], numberBytes(9), '"second"');
    await peer.say([1], numberBytes(10), '{ no JSON');
    await until(() => handled.length === 2, 'both are handled');
    for (const resolve of finish) resolve();
    await until(() => peer.heard.length === 3, 'each has its answer');
    await turns(5);
    expect(handled).to.deep.equal([
      ['first', {}],
      ['second', JSON.parse('{"__proto__":"x","a":"b"}')],
    ]);
    expect(peer.heard.map(({ type, id }) => [type, id[0]])).to.have.deep.members([
      [3, 10],
      [2, 8],
      [2, 9],
    ]);
  });

  it('stop reading from a peer that floods and reads nothing, and lose no answer', async () => {
    const [client, accepted] = await bench.connect({ channelWindow: 65_536, sendTimeoutMs: 200 });
    const requests = unwrap(await requestReply(client, { maxHandled: 2 }));
    let handled = 0;
    requests.handle(() => {
      handled += 1;
      return new Promise(() => undefined);
    });
    const peer = await RawPeer.on(accepted);
    peer.ignore();
    const frame = (id: number): Uint8Array => Buffer.concat([Uint8Array.of(1), numberBytes(id), Buffer.from('0')]);
    let sent = 0;
    let isHeldBack = false;
    while (!isHeldBack) {
      expect(sent).to.be.lessThan(200_000);
      // A request without a connection is not sent.
      if (codeOf(await accepted.sendOnChannel('requests', frame(sent))) === 'ok') sent += 1;
      else isHeldBack = true;
    }
    expect(handled).to.equal(2);
    // Its own requests continue and cost nobody else: the connection serves another channel.
    const other = unwrap(await requestReply(client, { channel: 'other' }));
    unwrap(await requestReply(accepted, { channel: 'other' })).handle((value) => value);
    expect(unwrap(await other.request('served'))).to.equal('served');
    peer.listen();
    await until(
      () => peer.heard.length === sent - 2,
      () => `${peer.heard.length} of ${sent} were answered`,
    );
    expect(new Set(peer.heard.map(({ id }) => Buffer.from(id).readUInt32LE())).size).to.equal(sent - 2);
    expect(peer.heard.every(({ type }) => type === 3)).to.equal(true);
    peer.heard.length = 0;
    await peer.say(frame(sent));
    await until(() => peer.heard.length === 1, 'it is read again');
  });

  it('end at once with a connection after reading stopped', async () => {
    const [client, accepted] = await bench.connect({ channelWindow: 65_536, sendTimeoutMs: 200 });
    const requests = unwrap(await requestReply(client, { maxHandled: 1 }));
    requests.handle(() => new Promise(() => undefined));
    const peer = await RawPeer.on(accepted);
    const asked = requests.request('x', { timeoutMs: 60_000 });
    await peer.requestNumber(0);
    peer.ignore();
    let sent = 0;
    while (
      codeOf(
        await accepted.sendOnChannel(
          'requests',
          Buffer.concat([[1], numberBytes(sent), '0'].map((part) => Buffer.from(part as string))),
        ),
      ) === 'ok'
    ) {
      sent += 1;
    }
    await accepted.disconnect();
    expect(codeOf(await within(asked, 'the request ended'))).to.equal('ConnectionClosed');
  });
});
