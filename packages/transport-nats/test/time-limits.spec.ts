import { until } from '@entropynet/conformance/tools';
import { AcceptQueue, encodePeerLimits, type NetworkConnection, resolveOwnConfig, unwrap } from '@entropynet/core';
import { askService } from '@entropynet/transport-nats/internal/ask-service';
import { HandshakeDesk } from '@entropynet/transport-nats/internal/handshake-desk';
import {
  bodyOf,
  encodeAnswer,
  encodeHandshake,
  encodeHello,
} from '@entropynet/transport-nats/internal/handshake-messages';
import { parseNatsAddress } from '@entropynet/transport-nats/internal/nats-address';
import { natsSection } from '@entropynet/transport-nats/internal/nats-options';
import { decodeFault, Kind, REFUSALS } from '@entropynet/transport-nats/internal/nats-protocol';
import type { NatsSession } from '@entropynet/transport-nats/internal/nats-session';
import type { MessageTaker } from '@entropynet/transport-nats/internal/session-member';
import { arriveLate, SHORT_LIMIT_MS } from '@entropynet/test/support/late-arrival';
import type { Msg } from '@nats-io/nats-core';
import { expect } from 'chai';

const GREETING = { maxMessageSize: 1000, channelWindow: 65_536, maxChannels: 4, secret: 'a secret of both sides' };

/** A NATS connection that keeps what is published, and what takes the messages. */
class QuietSession {
  readonly published: Uint8Array[] = [];
  readonly hasRoom = true;
  take: MessageTaker = () => undefined;

  publish(_subject: string, message: Uint8Array): undefined {
    this.published.push(message);
  }

  subscribe(_subject: string, take: MessageTaker): () => void {
    this.take = take;
    return () => undefined;
  }

  add(): void {
    // It never breaks.
  }

  remove(): void {
    // See add().
  }

  get asSession(): NatsSession {
    return this as unknown as NatsSession;
  }
}

function messageOf(data: Uint8Array): Msg {
  return { data } as unknown as Msg;
}

describe('over NATS, a process that was busy', () => {
  it('finds the server whose answer has arrived', async () => {
    const session = new QuietSession();
    const asked = askService(session.asSession, 'entropynet.canvas', '_INBOX', SHORT_LIMIT_MS);
    arriveLate(() => {
      session.take(messageOf(encodeHandshake(Kind.Presence)));
    });
    expect(unwrap(await asked)).to.deep.equal({ isThere: true, queueGroup: undefined });
  });

  it('reads the answers of its clients before their time is over', async () => {
    const session = new QuietSession();
    const config = unwrap(
      resolveOwnConfig(
        {
          endpoint: 'nats://localhost/canvas',
          secret: 'a secret of both sides',
          nats: { handshakeTimeoutMs: SHORT_LIMIT_MS },
        },
        natsSection,
      ),
    );
    const desk = new HandshakeDesk(
      unwrap(parseNatsAddress(config.endpoint)),
      config,
      'entropynet.canvas',
      session.asSession,
      new AcceptQueue<NetworkConnection>(1),
    );
    const id = new Uint8Array(16).fill(1);
    const hello = encodeHello({ id, greeting: encodePeerLimits(GREETING), credits: [1, 1], base: '_INBOX.a' });
    desk.take(messageOf(hello));
    const refusals = (): string[] =>
      session.published
        .filter(([kind]) => kind === Kind.Refusal)
        .map((message) => decodeFault(bodyOf(message), REFUSALS).code);
    arriveLate(() => {
      // A wrong answer is refused, and the handshake continues until its time is over.
      desk.take(messageOf(encodeAnswer(id, new Uint8Array(64), new Uint8Array(32), hello)));
    });
    await until(() => refusals().includes('Timeout'), 'the handshake is over');
    expect(refusals()).to.deep.equal(['HandshakeFailed', 'Timeout']);
  });
});
