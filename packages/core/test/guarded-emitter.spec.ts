import { once } from 'node:events';
import { runInNewContext } from 'node:vm';
import { turns } from '@entropynet/conformance/tools';
import { NetworkError } from '@entropynet/core';
import { GuardedEmitter } from '@entropynet/core/internal/lifecycle/guarded-emitter';
import { expect } from 'chai';

interface Events {
  note: (text: string) => unknown;
  error: (error: NetworkError) => unknown;
}

describe('the guarded emitter', () => {
  let emitter: GuardedEmitter<Events>;
  let errors: unknown[];

  beforeEach(() => {
    emitter = new GuardedEmitter<Events>(['note', 'error']);
    errors = [];
    emitter.add('error', (error: NetworkError) => errors.push([error.code, error.cause]), false);
  });

  it("reports a failed 'error' listener as a warning of the process, with the reason", async () => {
    emitter.add(
      'error',
      () => {
        throw new Error('the listener lost redis://me:secret@host');
      },
      false,
    );
    const warned = once(process, 'warning') as Promise<[Error]>;
    emitter.emitError(new NetworkError('ConnectionClosed', 'reported first'));
    const [warning] = await warned;
    expect(warning.message).to.equal("an 'error' listener failed: the listener lost redis://***@host");
    expect(errors).to.have.length(1);
  });

  it('runs each listener separately, and reports the failures', async () => {
    const seen: string[] = [];
    const foreign: unknown = runInNewContext('Promise.reject("foreign")');
    const failures: (() => unknown)[] = [
      () => {
        // A program may throw anything.
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        throw 'thrown';
      },
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      () => Promise.reject('rejected'),
      () => foreign,
      () => ({ then: (_resolve: unknown, reject: (reason: unknown) => void) => reject('thenable') }),
    ];
    for (const fail of failures) emitter.add('note', fail, false);
    emitter.add('note', (text: string) => seen.push(text), false);
    emitter.emit('note', 'one');
    expect(seen).to.deep.equal(['one']);
    await turns(2);
    expect(errors).to.have.deep.members(
      ['thrown', 'rejected', 'foreign', 'thenable'].map((cause) => ['CallbackFailed', cause]),
    );
  });

  it('calls a once() listener once, also if it emits the event itself', () => {
    const seen: string[] = [];
    emitter.add(
      'note',
      (text: string) => {
        seen.push(text);
        emitter.emit('note', 'inner');
      },
      true,
    );
    emitter.emit('note', 'outer');
    expect(seen).to.deep.equal(['outer']);
    expect(emitter.count('note')).to.equal(0);
  });

  it('calls a once() listener once, also if an earlier listener emits the event again', () => {
    const own = new GuardedEmitter<Events>(['note', 'error']);
    const ways: Readonly<Record<keyof Events, (text: string) => void>> = {
      note: (text) => own.emit('note', text),
      error: (text) => own.emitError(new NetworkError('Timeout', text)),
    };
    for (const [event, emit] of Object.entries(ways) as [keyof Events, (text: string) => void][]) {
      const seen: string[] = [];
      own.add(
        event,
        () => {
          seen.push('each time');
          if (seen.length === 1) emit('inner');
        },
        false,
      );
      own.add(event, () => seen.push('one time'), true);
      emit('outer');
      expect(seen).to.deep.equal(['each time', 'each time', 'one time']);
      expect(own.count(event)).to.equal(1);
    }
  });

  it('keeps the callback and the observer when all listeners are removed', () => {
    const seen: unknown[] = [];
    emitter.observer = (event, values) => seen.push([event, ...values]);
    emitter.setCallback('note', (text: string) => seen.push(text));
    emitter.add('note', () => seen.push('listener'), false);
    emitter.remove('note');
    emitter.emit('note', 'x');
    expect(seen).to.deep.equal([['note', 'x'], 'x']);
  });

  it('names the existing events for an unknown one', () => {
    const unknown = 'nonsense' as keyof Events;
    for (const use of [
      () => emitter.add(unknown, () => undefined, false),
      () => emitter.remove(unknown),
      () => emitter.setCallback(unknown, null),
    ]) {
      expect(use).to.throw(TypeError, "there is no event 'nonsense'; the events are 'note', 'error'");
    }
  });

  it('keeps a waiting event for its first listener, without obsolete ones', async () => {
    emitter.keepUnheard(['note']);
    for (const text of ['a', 'b', 'c']) emitter.emit('note', text);
    emitter.forgetUnheard('note', ([text]) => text === 'b');
    const seen: string[] = [];
    emitter.add('note', (text: string) => seen.push(text), false);
    expect(seen).to.deep.equal([]);
    await turns(1);
    emitter.emit('note', 'd');
    expect(seen).to.deep.equal(['a', 'c', 'd']);
  });

  it('starts no listener while its gate is closed, and keeps a once() listener', () => {
    const seen: string[] = [];
    emitter.add('note', (text: string) => seen.push(text), true);
    emitter.guard.close();
    emitter.emit('note', 'a');
    emitter.guard.open();
    emitter.emit('note', 'b');
    expect(seen).to.deep.equal(['b']);
  });
});
