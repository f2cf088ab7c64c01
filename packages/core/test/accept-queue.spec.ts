import { type AcceptPlace, AcceptQueue, type Admit, err, ok, type Result, unwrap } from '@entropynet/core';
import { expect } from 'chai';
import { counted } from '@entropynet/test/support/counted-admissions';

const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.error.code);

describe('a queue of connections that wait to be accepted', () => {
  it('counts reserved slots as waiting connections', async () => {
    const queue = new AcceptQueue<string>(2);
    const first = unwrap(queue.admit());
    expect(queue.push('second')).to.equal(true);
    expect(codeOf(queue.admit())).to.equal('ResourceLimitExceeded');
    expect(queue.push('third')).to.equal(false);
    expect(first.push('first')).to.equal(true);
    expect(unwrap(await queue.accept())).to.equal('second');
    expect(unwrap(await queue.accept())).to.equal('first');
    first.release();
    expect(queue.push('a') && queue.push('b')).to.equal(true);
    expect(queue.push('c')).to.equal(false);
  });

  it('has one more slot for each waiting caller, and keeps it when that caller leaves', async () => {
    const queue = new AcceptQueue<string>(1);
    const controller = new AbortController();
    const waiting = queue.accept(controller.signal);
    const places = [1, 2].map(() => unwrap(queue.admit()));
    expect(codeOf(queue.admit())).to.equal('ResourceLimitExceeded');
    controller.abort();
    expect(codeOf(await waiting)).to.equal('Aborted');
    expect(places.map((place, index) => place.push(`client ${index}`))).to.deep.equal([true, true]);
    expect(unwrap(await queue.accept())).to.equal('client 0');
    expect(unwrap(await queue.accept())).to.equal('client 1');
  });

  it('gives the places of clients that left to the next ones, and asks only when it is full', () => {
    const queue = new AcceptQueue<string>(2);
    const ended: string[] = [];
    const admit = (...left: string[]): Result<AcceptPlace<string>> =>
      queue.admitInsteadOf(
        (each) => left.includes(each),
        (each) => ended.push(each),
      );
    for (const each of ['a', 'b']) unwrap(admit('a')).push(each);
    expect(ended).to.deep.equal([]);
    expect(codeOf(admit())).to.equal('ResourceLimitExceeded');
    expect(codeOf(admit('a'))).to.equal('ok');
    expect(ended).to.deep.equal(['a']);
    queue.close();
    expect(codeOf(admit('b'))).to.equal('ConnectionClosed');
  });

  it('keeps the order of the clients while an admission that is released accepts one of them', async () => {
    const accepted: Promise<Result<string>>[] = [];
    const release = (): void => void accepted.push(queue.accept());
    const queue = new AcceptQueue<string>(8, () => ok({ release }));
    for (const client of ['leaves', 'second', 'third']) expect(queue.push(client)).to.equal(true);
    queue.remove('leaves');
    expect(await Promise.all(accepted)).to.deep.equal([ok('second')]);
    expect(await queue.accept()).to.deep.equal(ok('third'));
  });

  it('keeps no client while an admission that is released closes it', () => {
    const left: string[] = [];
    const queue = new AcceptQueue<string>(8, () => ok({ release: () => void left.push(...queue.close()) }));
    for (const client of ['leaves', 'second']) expect(queue.push(client)).to.equal(true);
    queue.remove('leaves');
    expect(left).to.deep.equal(['second']);
    expect(queue.open()).to.equal(true);
    expect(queue.close()).to.deep.equal([]);
  });

  it('frees a slot once, and only if no connection was accepted', async () => {
    const count = counted();
    const queue = new AcceptQueue<string>(8, count.admit);
    const places = Array.from({ length: 4 }, () => unwrap(queue.admit()));
    const [left, accepted, removed, unaccepted] = places as [
      AcceptPlace<string>,
      AcceptPlace<string>,
      AcceptPlace<string>,
      AcceptPlace<string>,
    ];
    left.release();
    left.release();
    expect(left.push('late')).to.equal(false);
    expect(count.taken).to.equal(3);
    accepted.push('accepted');
    expect(unwrap(await queue.accept())).to.equal('accepted');
    accepted.release();
    expect(count.taken).to.equal(3);
    removed.push('removed');
    queue.remove('removed');
    queue.remove('removed');
    expect(count.taken).to.equal(2);
    unaccepted.push('unaccepted');
    const late = unwrap(queue.admit());
    expect(queue.close()).to.deep.equal(['unaccepted']);
    expect(count.taken).to.equal(2);
    expect(late.push('after the end')).to.equal(false);
    expect(count.taken).to.equal(1);
    expect(codeOf(queue.admit())).to.equal('ConnectionClosed');
    expect(count.taken).to.equal(1);
  });

  it('keeps its other connections if the release of an admission throws', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    const failed = new Error('the program lost redis://me:secret@host');
    const release = (): void => {
      throw failed;
    };
    const queue = new AcceptQueue<string>(8, () => ok({ release }));
    const place = unwrap(queue.admit());
    for (const name of ['a', 'b', 'c']) queue.push(name);
    place.release();
    expect(queue.removeWhere((name) => name === 'b')).to.deep.equal(['b']);
    expect(queue.close()).to.deep.equal(['a', 'c']);
    // Warnings are emitted in a later tick.
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings.map(({ cause }) => cause)).to.deep.equal([failed, failed, failed, failed]);
    expect(warnings[0]?.message).to.equal('the release() of an admission failed: the program lost redis://***@host');
  });

  it('refuses with ResourceLimitExceeded for every answer of `admit`, and calls it only if there is room', () => {
    let asked = 0;
    const queue = new AcceptQueue<string>(0, () => {
      asked += 1;
      return err('Timeout', 'unused');
    });
    expect(codeOf(queue.admit())).to.equal('ResourceLimitExceeded');
    expect(asked).to.equal(0);
    const refusing = new AcceptQueue<string>(1, () => err('Timeout', 'come back later'));
    expect(refusing.push('a client')).to.equal(false);
    const refused = refusing.admit();
    expect(refused.ok ? 'ok' : refused.error).to.include({ code: 'ResourceLimitExceeded', message: 'come back later' });
    const broken = [
      () => {
        throw new Error('broken');
      },
      () => undefined,
      () => Promise.resolve(ok()),
      () => ok(),
    ] as unknown as Admit[];
    for (const admit of broken) {
      expect(codeOf(new AcceptQueue<string>(1, admit).admit())).to.equal('ResourceLimitExceeded');
    }
  });
});
