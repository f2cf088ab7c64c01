import { until } from '@entropynet/conformance/tools';
import { NetworkError } from '@entropynet/core';
import { LinkHealth } from '@entropynet/transport-nats/internal/link-health';
import { NatsPulse } from '@entropynet/transport-nats/internal/nats-pulse';
import { expect } from 'chai';

describe('a peer over NATS', () => {
  for (const intervalMs of [1, 5, 100]) {
    it(`that answers is alive, whatever the interval (${intervalMs} ms) and the time limit`, async () => {
      let questions = 0;
      const judgements: string[] = [];
      const health = new LinkHealth({ intervalMs, timeoutMs: 5 }, false, {
        ask: (payload) => {
          questions += 1;
          health.onPong(payload);
          health.onHeard();
        },
        onResponsivenessChanged: () => judgements.push('responsiveness'),
        onGone: () => judgements.push('gone'),
        findReason: () => {
          judgements.push('silent');
          return Promise.resolve(new NetworkError('PeerDied', 'silence'));
        },
        onSilent: () => judgements.push('dead'),
        onBeat: () => undefined,
      });
      await until(() => questions === 3 || judgements.length > 0, 'it was asked or judged');
      health.stop();
      expect(judgements).to.deep.equal([]);
    });
  }

  it('that never answers is dead', async () => {
    let end: string | undefined;
    const health = new LinkHealth({ intervalMs: 100, timeoutMs: 5 }, false, {
      ask: () => undefined,
      onResponsivenessChanged: () => undefined,
      onGone: () => (end = 'gone'),
      findReason: () => Promise.resolve(new NetworkError('PeerDied', 'silence')),
      onSilent: ({ code }) => (end = code),
      onBeat: () => undefined,
    });
    await until(() => end !== undefined, 'it was judged');
    health.stop();
    expect(end).to.equal('PeerDied');
  });
});

describe('a NATS server', () => {
  /** A pulse whose NATS server never answers, and delivers a message before each of the first `messages` looks. */
  function pulseWith(messages: number): { pulse: NatsPulse; looks: () => number; isSilent: () => boolean } {
    let looks = 0;
    let isSilent = false;
    const pulse = new NatsPulse(
      { intervalMs: 1, timeoutMs: 3 },
      {
        ask: () => new Promise(() => undefined),
        messagesHeard: () => Math.min((looks += 1), messages),
        onSilent: () => (isSilent = true),
      },
    );
    return { pulse, looks: () => looks, isSilent: () => isSilent };
  }

  it('that delivers messages is alive, although its answer is behind them', async () => {
    const { pulse, looks, isSilent } = pulseWith(Infinity);
    pulse.start();
    await until(() => looks() >= 10 || isSilent(), 'ten beats passed');
    pulse.stop();
    expect(isSilent()).to.equal(false);
    expect(await pulse.answersWithin(1)).to.equal(true);
  });

  it('that delivers none and does not answer is silent', async () => {
    const { pulse, isSilent } = pulseWith(2);
    pulse.start();
    await until(isSilent, 'it counts as silent');
    pulse.stop();
    expect(await pulse.answersWithin(1)).to.equal(false);
  });
});
