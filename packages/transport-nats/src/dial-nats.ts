import {
  agreeOnSecret,
  decodePeerLimits,
  encodePeerLimits,
  err,
  NetworkError,
  type PeerLimits,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';
import { startLimit, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';
import type { Msg } from '@nats-io/nats-core';
import { hexOf, randomBytes } from './bytes.js';
import { lackError } from './client-handshake.js';
import {
  bodyOf,
  checkVersion,
  decodeChallenge,
  decodeWelcome,
  encodeHello,
  handshakeKindOf,
  ID_BYTES,
  type Welcome,
} from './handshake-messages.js';
import { type LinkEnds, openLinkEnds } from './link-ends.js';
import { sealsOf, type SessionKeys } from './message-seal.js';
import { type NatsAddress, serviceSubject, shownAddress } from './nats-address.js';
import { NatsLink } from './nats-link.js';
import { decodeFault, Kind, Lane, LANES, laneSubject, REFUSALS } from './nats-protocol.js';
import { type PublishAnswer, SecretAttempts } from './secret-attempts.js';

/** The wait before the first question is repeated, and the longest wait, in milliseconds. */
const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 250;

/**
 * With a secret: the time for which a client waits for the server's own message after a refusal that anyone could have
 * sent, in milliseconds.
 */
const DOUBT_MS = 1000;

/** Makes a link to a server of the service. If `signal` aborts, it stops at once and releases everything. */
export async function dialNats(
  address: NatsAddress,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<NatsLink>> {
  const base = `${config.nats.inboxPrefix}.${hexOf(randomBytes(ID_BYTES))}`;
  const handshake = new ClientHandshake(address, config, signal);
  const opened = await openLinkEnds(address, config, base, handshake.take, signal);
  if (!opened.ok) return signal.aborted ? aborted(signal) : opened;
  return handshake.run(opened.value);
}

/** A client's part of the handshake: hello, proof of the secret, an echo on each lane. */
class ClientHandshake {
  readonly #address: NatsAddress;
  readonly #config: ResolvedConnectionConfig;
  readonly #signal: AbortSignal;
  readonly #id = randomBytes(ID_BYTES);
  /** The subject of the service. */
  readonly #service: string;
  /** The answers to the server's challenge; undefined without a secret. */
  readonly #attempts: SecretAttempts | undefined;
  readonly #missingEchoes = new Set<Lane>(LANES);
  #settle: ((result: Result<NatsLink>) => void) | undefined;
  #ends: LinkEnds | undefined;
  #link: NatsLink | undefined;
  #hello: Uint8Array = new Uint8Array(0);
  /** The question that is repeated until an answer arrives. */
  #ask: () => void = () => undefined;
  #waitMs = FIRST_WAIT_MS;
  #timer: Timer | undefined;
  #hasServer = false;
  /** A refusal that is not proved to be the server's. */
  #doubt: { readonly error: NetworkError; readonly stopLimit: () => void } | undefined;

  constructor(address: NatsAddress, config: ResolvedConnectionConfig, signal: AbortSignal) {
    this.#address = address;
    this.#config = config;
    this.#signal = signal;
    this.#service = serviceSubject(address, config);
    if (config.secret !== undefined) this.#attempts = new SecretAttempts(config.secret, this.#service, this.#id);
  }

  run(ends: LinkEnds): Promise<Result<NatsLink>> {
    return new Promise((resolve) => {
      const sessions = [ends.ends[0].lease.session, ends.ends[1].lease.session] as const;
      const [session] = sessions;
      const onAbort = (): void => {
        settle(aborted(this.#signal));
      };
      const member = {
        onBroken: (error: NetworkError): void => {
          // The link itself tells the peer.
          if (this.#link === undefined) this.#fail(error);
        },
        onForbidden: (subject: string, error: NetworkError): void => {
          if (this.#link === undefined && (subject === this.#service || subject.startsWith(`${ends.base}.`)))
            this.#fail(error);
        },
      };
      const settle = (result: Result<NatsLink>): void => {
        this.#settle = undefined;
        stopTimer(this.#timer);
        this.#doubt?.stopLimit();
        for (const each of sessions) each.remove(member);
        this.#signal.removeEventListener('abort', onAbort);
        if (!result.ok) {
          if (this.#link === undefined) ends.release();
          else this.#link.release();
        }
        resolve(result);
      };
      this.#ends = ends;
      this.#settle = settle;
      for (const each of sessions) each.add(member);
      this.#signal.addEventListener('abort', onAbort, { once: true });
      if (this.#signal.aborted) {
        onAbort();
        return;
      }
      const { base, credits } = ends;
      this.#hello = encodeHello({ id: this.#id, greeting: encodePeerLimits(this.#config), credits, base });
      this.#askUntilAnswered(() => {
        const { size = 0 } = this.#attempts ?? {};
        // A repeated hello may reach another server of the queue group. If there is one challenge, its answer comes
        // first.
        if (size !== 1 || this.#waitMs >= LONGEST_WAIT_MS) {
          session.publish(this.#service, this.#hello, laneSubject(base, Lane.Prompt));
        }
        this.#attempts?.repeat(this.#publishAnswer);
      });
    });
  }

  readonly #publishAnswer: PublishAnswer = (subject, answer) => {
    if (this.#ends === undefined) return;
    const { base, ends } = this.#ends;
    ends[0].lease.session.publish(subject, answer, laneSubject(base, Lane.Prompt));
  };

  /** Handles a message on one of this side's subjects. Never throws. */
  readonly take = (lane: Lane, message: Msg): void => {
    const { data, headers } = message;
    const kind = handshakeKindOf(data);
    if (kind === undefined) {
      if (this.#link !== undefined) this.#link.take(lane, message);
      else if (data.length === 0 && headers?.code === 503) this.#onNobody();
      return;
    }
    // The answer to a hello that was sent twice comes twice.
    if (this.#link !== undefined || this.#settle === undefined || lane !== Lane.Prompt) return;
    const version = checkVersion(data);
    if (!version.ok) {
      this.#giveUp(version.error);
      return;
    }
    this.#orFail(() => {
      if (kind === Kind.Challenge) this.#onChallenge(data);
      else if (kind === Kind.Welcome) this.#onWelcome(data);
      else if (kind === Kind.Refusal) this.#onRefusal(data);
    });
  };

  /** Runs a step. If it throws, the handshake fails at once. Otherwise the client would wait until its time limit. */
  #orFail(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(lackError('the link to the server could not be made', error));
    }
  }

  #onNobody(): void {
    const where = shownAddress(this.#address);
    this.#giveUp(
      this.#hasServer
        ? new NetworkError('PeerDied', `the server at ${where} went away during the handshake`)
        : new NetworkError(
            'TransportUnavailable',
            `the NATS server is there, and no EntropyNet server listens at ${where}`,
          ),
    );
  }

  #onRefusal(message: Uint8Array): void {
    const { code, message: text } = decodeFault(bodyOf(message), REFUSALS);
    const reason = text.replace(/^the peer ended the connection: /, '');
    this.#giveUp(new NetworkError(code, `the server at ${shownAddress(this.#address)} refused the client: ${reason}`));
  }

  #onChallenge(message: Uint8Array): void {
    this.#hasServer = true;
    const agreed = agreeOnSecret(this.#config.secret, true);
    if (!agreed.ok) this.#fail(agreed.error);
    const challenge = decodeChallenge(message);
    if (challenge !== undefined) this.#attempts?.answer(challenge, this.#hello, this.#publishAnswer);
  }

  #onWelcome(message: Uint8Array): void {
    this.#hasServer = true;
    const welcome = decodeWelcome(message, this.#attempts !== undefined);
    if (welcome === undefined) {
      this.#giveUp(new NetworkError('HandshakeFailed', 'the server sent an invalid Welcome message'));
      return;
    }
    const keys = this.#attempts?.check(welcome, message);
    if (keys instanceof NetworkError) {
      this.#giveUp(keys);
      return;
    }
    const peerLimits = decodePeerLimits(welcome.greeting);
    const agreed = peerLimits.ok ? agreeOnSecret(this.#config.secret, peerLimits.value.hasSecret) : peerLimits;
    if (!agreed.ok) this.#fail(agreed.error);
    else if (peerLimits.ok) this.#openLink(welcome, peerLimits.value, keys);
  }

  /** The server has accepted this client. The last step is an echo on each lane. */
  #openLink(welcome: Welcome, peerLimits: PeerLimits, keys: SessionKeys | undefined): void {
    const parts = this.#ends;
    if (parts === undefined) return;
    const link = new NatsLink({
      config: this.#config,
      ends: parts.ends,
      ownBase: parts.base,
      peerBase: welcome.base,
      credits: welcome.credits,
      peerLimits,
      seals: keys && sealsOf(keys, 'client'),
      handshake: {
        onEchoed: (lane) => {
          this.#orFail(() => {
            this.#onEchoed(lane);
          });
        },
        onReady: () => undefined,
        // A subscription takes time to reach all nodes of a cluster, so the question is repeated.
        onNobody: () => undefined,
        onEnded: (error) => {
          this.#fail(error);
        },
      },
    });
    this.#link = link;
    this.#askUntilAnswered(() => {
      for (const lane of this.#missingEchoes) link.askForEcho(lane);
    });
  }

  #onEchoed(lane: Lane): void {
    this.#missingEchoes.delete(lane);
    if (this.#missingEchoes.size > 0 || this.#link === undefined) return;
    this.#link.establish('client');
    this.#settle?.({ ok: true, value: this.#link });
  }

  /**
   * Sends the question now, and repeats it until another one replaces it. A message may get lost before the
   * subscription has reached all nodes.
   */
  #askUntilAnswered(ask: () => void): void {
    stopTimer(this.#timer);
    this.#ask = ask;
    this.#waitMs = FIRST_WAIT_MS;
    this.#repeat();
  }

  #repeat(): void {
    this.#ask();
    if (this.#settle === undefined) return;
    this.#timer = startTimer(() => {
      this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
      this.#repeat();
    }, this.#waitMs);
  }

  /**
   * Ends the handshake for a reason that the other side sent. With a secret, anyone could have sent it until the server
   * has proved itself. Then the client continues for a while, and the reason counts only if no better message comes.
   */
  #giveUp(error: NetworkError): void {
    if (this.#attempts === undefined) this.#fail(error);
    else if (this.#doubt === undefined) {
      const waitMs = Math.min(DOUBT_MS, this.#config.connectTimeoutMs >>> 1);
      const stopLimit = startLimit(() => {
        this.#fail(error);
      }, waitMs);
      this.#doubt = { error, stopLimit };
    }
  }

  #fail(error: NetworkError): void {
    this.#settle?.({ ok: false, error });
  }
}

function aborted(signal: AbortSignal): Result<never> {
  return err('Aborted', 'connecting was aborted', signal.reason);
}
