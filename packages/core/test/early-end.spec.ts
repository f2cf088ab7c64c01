import { EarlyEnd, follow, within } from '@entropynet/core/internal/lifecycle/deadline';
import { expect } from 'chai';

const FOREVER = new Promise<object>(() => undefined);

describe('the early end of work', () => {
  it('ends a wait, with the first reason', async () => {
    const early = new EarlyEnd();
    const waiting = within(FOREVER, undefined, early);
    early.abort('first');
    early.abort('second');
    expect([await waiting, early.aborted, early.reason]).to.deep.equal(['aborted', true, 'first']);
  });

  it('ends a wait that begins after it', async () => {
    const early = new EarlyEnd();
    early.abort('before');
    expect(await within(FOREVER, undefined, early)).to.equal('aborted');
  });

  it('does not disturb work that is done', async () => {
    const early = new EarlyEnd();
    const done = {};
    expect(await within(Promise.resolve(done), undefined, early)).to.equal(done);
    early.abort('late');
    expect(await within(Promise.resolve(done), 1000, new EarlyEnd())).to.equal(done);
  });

  it('follows a signal until it is told to stop', () => {
    const controller = new AbortController();
    const [followed, stopped] = [new EarlyEnd(), new EarlyEnd()];
    follow(controller.signal, followed);
    follow(controller.signal, stopped)();
    controller.abort('the reason');
    expect([followed.aborted, followed.reason, stopped.aborted]).to.deep.equal([true, 'the reason', false]);
  });
});
