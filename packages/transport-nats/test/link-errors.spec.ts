import { silenceError } from '@entropynet/transport-nats/internal/link-errors';
import type { NatsConfig } from '@entropynet/transport-nats';
import { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import type { NatsConnection } from '@nats-io/nats-core';
import { expect } from 'chai';

type Ends = Parameters<typeof silenceError>[0];

/** Ends whose NATS servers answer so. */
function endsOf(...answers: readonly [prompt: boolean, bulk: boolean]): Ends {
  return answers.map((hasAnswered, index) => {
    const session = {
      where: `server-${index}`,
      answersWithin: () => Promise.resolve(hasAnswered),
    } as unknown as NatsSession;
    return { lease: { session } };
  }) as unknown as Ends;
}

describe('the reason for a silent peer', () => {
  it('is the peer, if both NATS servers answer', async () => {
    const error = await silenceError(endsOf(true, true), 100);
    expect(error.code).to.equal('PeerDied');
    expect(error.message).to.include('100 ms');
  });

  for (const [index, ends] of [endsOf(false, true), endsOf(true, false)].entries()) {
    it(`is the NATS server that does not answer either: ${index}`, async () => {
      const error = await silenceError(ends, 100);
      expect(error.code).to.equal('TransportUnavailable');
      expect(error.message).to.include(`server-${index}`).and.include('100 ms');
    });
  }
});

describe('a NATS session', () => {
  /** A NATS connection of the program whose server answers when `answer` is called. */
  function sessionOf(publish?: () => void): { session: NatsSession; answer: () => void } {
    let answer: () => void = () => undefined;
    const connection = {
      async *status() {
        yield* [];
      },
      closed: () => new Promise(() => undefined),
      stats: () => ({ inMsgs: 0 }),
      publish,
      flush: () =>
        new Promise<void>((resolve) => {
          answer = resolve;
        }),
    } as unknown as NatsConnection;
    const session = new NatsSession(connection, { maxPendingBytes: 1024 * 1024 } as NatsConfig, 'there', true);
    return {
      session,
      answer: () => {
        answer();
      },
    };
  }

  it('has an answering server, if the answer comes late but in time', async () => {
    const { session, answer } = sessionOf();
    const answers = session.answersWithin(60_000);
    answer();
    expect(await answers).to.equal(true);
  });

  for (const [name, sentence] of [
    ['InvalidArgumentError', 'the NATS server at there takes no message of this length: its max_payload was lowered'],
    ['DrainingConnectionError', 'the NATS connection to there takes no message: it failed'],
  ] as const) {
    it(`says why it can't publish a message: ${name}`, () => {
      const { session } = sessionOf(() => {
        throw Object.assign(new Error('it failed'), { name });
      });
      expect(session.publish('subject', new Uint8Array(1))).to.include({
        code: 'TransportUnavailable',
        message: sentence,
      });
    });
  }

  it('has a silent server, if no answer comes', async () => {
    expect(await sessionOf().session.answersWithin(1)).to.equal(false);
  });
});
