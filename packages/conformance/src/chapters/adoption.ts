import { expect } from 'chai';
import { scoped } from '../support/scope.js';
import { turns, until } from '../support/until.js';
import { openLink, SMALL_LIMITS, type ChapterContext } from '../chapter-context.js';
import { expectLocalToHave } from '../expectations.js';

/** Contract, ADOPTION: no early message or event is lost. */
export function describeAdoption(context: ChapterContext): void {
  describe('adoption', () => {
    it(
      '[ADOPTION-1] keeps messages that arrive before the message callback is set',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope);
        const row = { lengths: [0, 5, 600], count: 300 };
        await peer.send(row);
        await turns(20);
        expect(local.getStats().messagesReceived).to.equal(0);
        recorder.receive();
        await expectLocalToHave(recorder, [row]);
      }),
    );

    it(
      '[ADOPTION-1] keeps messages that arrive before a message listener is added',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        await peer.send({ lengths: [1, 2, 3] });
        const lengths: number[] = [];
        local.on('message', (data) => lengths.push(data.length));
        await until(() => lengths.length === 3, 'three messages arrived');
        expect(lengths).to.deep.equal([1, 2, 3]);
      }),
    );

    it(
      '[ADOPTION-1] delivers early and late messages in one order',
      scoped(async (scope) => {
        const { recorder, peer } = await openLink(context, scope, { config: SMALL_LIMITS });
        const row = { lengths: [10, 2000, 0, 90_000], count: 400 };
        const sent = peer.send(row);
        await turns(20);
        recorder.receive();
        await sent;
        await expectLocalToHave(recorder, [row]);
      }),
    );

    it(
      '[ADOPTION-2] does not run the callback inside setMessageCallback()',
      scoped(async (scope) => {
        const { local, peer } = await openLink(context, scope);
        await peer.send({ lengths: [1] });
        await turns(20);
        let isSetting = true;
        let ranInside = false;
        let count = 0;
        local.setMessageCallback(() => {
          ranInside ||= isSetting;
          count += 1;
        });
        isSetting = false;
        await until(() => count === 1, 'the message was delivered');
        expect(ranInside).to.be.false;
      }),
    );

    if (context.side === 'client') return;

    it(
      '[ADOPTION-3] keeps messages that a client sends before startReceiving()',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, { startReceiving: false });
        const row = { lengths: [0, 7, 900], count: 200 };
        await peer.send(row);
        recorder.receive();
        await turns(20);
        expect(recorder.tally().count).to.equal(0);
        local.startReceiving();
        await expectLocalToHave(recorder, [row]);
      }),
    );

    it(
      '[ADOPTION-3] [ADOPTION-1] keeps messages from before startReceiving() until the callback is set',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, { startReceiving: false });
        const row = { lengths: [0, 7, 900], count: 200 };
        await peer.send(row);
        local.startReceiving();
        local.startReceiving();
        await turns(20);
        recorder.receive();
        await expectLocalToHave(recorder, [row]);
      }),
    );

    it(
      '[ADOPTION-3] [CHANNEL-1] keeps the channels that a client opens, and their messages, before startReceiving()',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, { startReceiving: false });
        const row = { lengths: [3, 0, 50_000], count: 9 };
        expect(await peer.openChannel('early')).to.equal('ok');
        await peer.send(row, { channel: 'early' });
        recorder.receive({ channel: 'early' });
        local.startReceiving();
        await expectLocalToHave(recorder, [row], 'early');
        expect(recorder.channels).to.deep.equal(['early']);
      }),
    );

    it(
      '[ADOPTION-3] [BACKPRESSURE-7] makes a client wait before startReceiving(), within limited memory',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, {
          config: SMALL_LIMITS,
          startReceiving: false,
        });
        const row = { lengths: [1000], count: 2000 };
        const sent = peer.send(row);
        await turns(50);
        recorder.receive();
        local.startReceiving();
        expect(await sent).to.deep.equal({ ok: 2000 });
        await expectLocalToHave(recorder, [row]);
      }),
    );

    it(
      '[ADOPTION-3] [END-1] delivers everything, then reports the end, when the client left before startReceiving()',
      scoped(async (scope) => {
        const { local, recorder, peer } = await openLink(context, scope, {
          startReceiving: false,
          // The client waits this long for an answer to its goodbye. Only an end that receives sends one.
          peerConfig: { sendTimeoutMs: 500 },
        });
        const row = { lengths: [0, 7, 900], count: 50 };
        await peer.send(row);
        await peer.disconnect();
        recorder.receive();
        local.startReceiving();
        await until(() => recorder.states.includes('disconnected'), 'the near side saw the end');
        await expectLocalToHave(recorder, [row]);
        const end = recorder.log.indexOf('state:disconnected');
        expect(recorder.log.slice(end)).to.deep.equal(['state:disconnected']);
      }),
    );
  });
}
