import { connectionKey, History, waitingInRing } from '@entropynet/inspector/internal-page/history';
import { expect } from 'chai';
import fc from 'fast-check';
import { connectionReport, inspectorState, processState } from './support.js';

describe('the history of the inspector', () => {
  const sent = (history: History, key: string): number[] => history.of(key).map((sample) => sample.sent);

  it('computes rates from counts, by the clock of the agent', () => {
    const history = new History();
    for (const [measuredAt, bytesSent] of [
      [0, 0],
      [1000, 500],
      [1500, 1500],
      [1500, 1500],
    ] as const) {
      history.add(inspectorState([processState('1', measuredAt, [connectionReport({ bytesSent })])]));
    }
    expect(sent(history, connectionKey('1', 1))).to.deep.equal([500, 2000]);
    expect(history.newest(connectionKey('1', 1), 'sent')).to.equal(2000);
  });

  it('keeps agents of one process id apart', () => {
    const history = new History();
    for (const second of [0, 1, 2]) {
      const fast = processState('1', second * 1000, [connectionReport({ bytesSent: second * 100_000_000 })]);
      const slow = processState('2', second * 1000, [connectionReport({ bytesSent: second })]);
      history.add(inspectorState([fast, slow]));
    }
    expect(sent(history, connectionKey('1', 1))).to.deep.equal([100_000_000, 100_000_000]);
    expect(sent(history, connectionKey('2', 1))).to.deep.equal([1, 1]);
  });

  it('has no negative or infinite rate, for any report', () => {
    const count = fc.integer({ min: 0, max: 1000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(count, count, count), { maxLength: 50 }), (reports) => {
        const history = new History();
        for (const [measuredAt, bytesSent, messagesReceived] of reports)
          history.add(
            inspectorState([processState('1', measuredAt, [connectionReport({ bytesSent, messagesReceived })])]),
          );
        for (const sample of history.of(connectionKey('1', 1)))
          for (const value of [sample.sent, sample.received, sample.messagesSent, sample.messagesReceived])
            expect(value).to.be.within(0, Number.MAX_SAFE_INTEGER);
      }),
    );
  });

  it('keeps the last 120 samples, the oldest first, and forgets ended connections', () => {
    const history = new History();
    for (let second = 0; second <= 200; second += 1)
      history.add(inspectorState([processState('1', second * 1000, [connectionReport({ bytesSent: second ** 2 })])]));
    const rates = sent(history, connectionKey('1', 1));
    expect(rates).to.have.length(120);
    expect([rates[0], rates.at(-1)]).to.deep.equal([161, 399]);
    history.add(inspectorState([]));
    expect(history.of(connectionKey('1', 1))).to.be.empty;
    expect(history.newest(connectionKey('1', 1), 'sent')).to.be.NaN;
  });

  it('shows no time for a ring that does not move, or that is empty', () => {
    expect(waitingInRing({ filled: 0, bytesPerSecond: 0 })).to.equal(0);
    expect(waitingInRing({ filled: 0, bytesPerSecond: 1 })).to.equal(0);
    expect(waitingInRing({ filled: 10, bytesPerSecond: 0 })).to.equal(null);
    expect(waitingInRing({ filled: 500, bytesPerSecond: 1000 })).to.equal(500);
  });
});
