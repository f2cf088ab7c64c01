import { randomBytes } from 'node:crypto';
import {
  agreeOnSecret,
  decodePeerLimits,
  encodePeerLimits,
  err,
  NetworkError,
  type NetworkErrorCode,
  type ResolvedConnectionConfig,
  type Result,
  SecretProver,
} from '@entropynet/core';
import { startTimer, stopTimer, type Timer } from '@entropynet/core/platform';
import type { Msg } from '@nats-io/transport-node';
import {
  bodyOf,
  checkVersion,
  decodeChallenge,
  decodeWelcome,
  encodeAnswer,
  encodeHello,
  handshakeKindOf,
  ID_BYTES,
  isWelcomeOf,
  type Welcome,
} from './handshake-messages.js';
import { type LinkEnds, openLinkEnds } from './link-ends.js';
import { sealsOf, sessionKeysOf } from './message-seal.js';
import { type NatsAddress, serviceSubject, shownAddress } from './nats-address.js';
import { NatsLink } from './nats-link.js';
import { decodeFault, Kind, Lane, LANES, laneSubject } from './nats-protocol.js';

/** How long the first question waits for an answer before it is asked again, and the longest wait, in milliseconds. */
const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 250;

/** What a server may refuse a client with. */
const REFUSALS: readonly NetworkErrorCode[] = [
  'HandshakeFailed',
  'IncompatibleVersion',
  'ResourceLimitExceeded',
  'ConnectionClosed',
  'Timeout',
  'TransportUnavailable',
];

/** Makes a link to a server of the service. Stops at once and leaves nothing behind when `signal` aborts. */
export async function dialNats(
  address: NatsAddress,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<NatsLink>> {
  const base = `${config.nats.inboxPrefix}.${randomBytes(ID_BYTES).toString('hex')}`;
  const handshake = new ClientHandshake(address, config, signal);
  const opened = await openLinkEnds(address, config, base, handshake.take);
  if (!opened.ok) return signal.aborted ? aborted(signal) : opened;
  return handshake.run(opened.value);
}

/** A client's part of the handshake: hello, proof of the secret, an echo on each lane. */
class ClientHandshake {
  readonly #address: NatsAddress;
  readonly #config: ResolvedConnectionConfig;
  readonly #signal: AbortSignal;
  readonly #id = randomBytes(ID_BYTES);
  readonly #prover: SecretProver | undefined;
  readonly #missingEchoes = new Set<Lane>(LANES);
  #settle: ((result: Result<NatsLink>) => void) | undefined;
  #ends: LinkEnds | undefined;
  #link: NatsLink | undefined;
  #hello: Uint8Array = new Uint8Array(0);
  /** What is asked until something answers. */
  #ask: () => void = () => undefined;
  #waitMs = FIRST_WAIT_MS;
  #timer: Timer | undefined;
  #hasServer = false;

  constructor(address: NatsAddress, config: ResolvedConnectionConfig, signal: AbortSignal) {
    this.#address = address;
    this.#config = config;
    this.#signal = signal;
    if (config.secret !== undefined) this.#prover = new SecretProver(config.secret);
  }

  run(ends: LinkEnds): Promise<Result<NatsLink>> {
    return new Promise((resolve) => {
      const { session } = ends.ends[0].lease;
      const onAbort = (): void => {
        settle(aborted(this.#signal));
      };
      const member = {
        onBroken: (error: NetworkError): void => {
          this.#fail(error);
        },
        onForbidden: (subject: string, error: NetworkError): void => {
          if (this.#link === undefined && (subject === service || subject.startsWith(`${ends.base}.`)))
            this.#fail(error);
        },
      };
      const settle = (result: Result<NatsLink>): void => {
        this.#settle = undefined;
        stopTimer(this.#timer);
        session.remove(member);
        this.#signal.removeEventListener('abort', onAbort);
        if (!result.ok) {
          if (this.#link === undefined) ends.release();
          else this.#link.release();
        }
        resolve(result);
      };
      const service = serviceSubject(this.#address, this.#config);
      this.#ends = ends;
      this.#settle = settle;
      session.add(member);
      this.#signal.addEventListener('abort', onAbort, { once: true });
      if (this.#signal.aborted) {
        onAbort();
        return;
      }
      const { base, credits } = ends;
      this.#hello = encodeHello({ id: this.#id, greeting: encodePeerLimits(this.#config), credits, base });
      this.#askUntilAnswered(() => {
        session.publish(service, this.#hello, laneSubject(base, Lane.Prompt));
      });
    });
  }

  /** A message on one of this side's subjects. Never throws. */
  readonly take = (lane: Lane, message: Msg): void => {
    const { data, headers } = message;
    const kind = handshakeKindOf(data);
    if (kind === undefined) {
      if (this.#link !== undefined) this.#link.take(lane, message);
      else if (data.length === 0 && headers?.code === 503) this.#onNobody();
      return;
    }
    // The answer to a hello that was asked twice comes twice.
    if (this.#link !== undefined || this.#settle === undefined || lane !== Lane.Prompt) return;
    const version = checkVersion(data);
    if (!version.ok) this.#fail(version.error);
    else if (kind === Kind.Challenge) this.#onChallenge(data);
    else if (kind === Kind.Welcome) this.#onWelcome(data);
    else if (kind === Kind.Refusal) this.#onRefusal(data);
  };

  #onNobody(): void {
    const where = shownAddress(this.#address);
    this.#fail(
      this.#hasServer
        ? new NetworkError('PeerDied', `the server at ${where} went away during the handshake`)
        : new NetworkError(
            'TransportUnavailable',
            `the NATS server is there, and no EntropyNet server listens at ${where}`,
          ),
    );
  }

  #onRefusal(message: Uint8Array): void {
    const { code, message: text } = decodeFault(bodyOf(message), 'HandshakeFailed');
    const reason = text.replace(/^the peer ended the connection: /, '');
    this.#fail(
      new NetworkError(
        REFUSALS.includes(code) ? code : 'HandshakeFailed',
        `the server at ${shownAddress(this.#address)} refused the client: ${reason}`,
      ),
    );
  }

  #onChallenge(message: Uint8Array): void {
    this.#hasServer = true;
    const challenge = decodeChallenge(message);
    const agreed = agreeOnSecret(this.#config.secret, true);
    if (!agreed.ok) this.#fail(agreed.error);
    if (challenge === undefined || this.#prover === undefined || this.#ends === undefined) return;
    const answer = this.#prover.answer(challenge.challenge);
    if (!answer.ok) {
      this.#fail(answer.error);
      return;
    }
    const { base, ends } = this.#ends;
    const { fromClient } = sessionKeysOf(this.#prover);
    const encoded = encodeAnswer(this.#id, answer.value, fromClient, this.#hello);
    this.#askUntilAnswered(() => {
      ends[0].lease.session.publish(challenge.subject, encoded, laneSubject(base, Lane.Prompt));
    });
  }

  #onWelcome(message: Uint8Array): void {
    this.#hasServer = true;
    const welcome = decodeWelcome(message, this.#prover !== undefined);
    if (welcome === undefined) {
      this.#fail(new NetworkError('HandshakeFailed', 'the server sent a welcome that is none'));
      return;
    }
    const peerLimits = decodePeerLimits(welcome.greeting);
    if (!peerLimits.ok) {
      this.#fail(peerLimits.error);
      return;
    }
    const agreed = agreeOnSecret(this.#config.secret, peerLimits.value.hasSecret);
    const proved = agreed.ok ? this.#checkProof(welcome, message) : agreed;
    if (!proved.ok) {
      this.#fail(proved.error);
      return;
    }
    const parts = this.#ends;
    if (parts === undefined) return;
    const link = new NatsLink({
      config: this.#config,
      ends: parts.ends,
      ownBase: parts.base,
      peerBase: welcome.base,
      credits: welcome.credits,
      peerLimits: peerLimits.value,
      seals: this.#prover && sealsOf(sessionKeysOf(this.#prover), 'client'),
      handshake: {
        onEchoed: (lane) => {
          this.#onEchoed(lane);
        },
        onReady: () => undefined,
        // Interest takes its time between the nodes of a cluster: the question is asked again.
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

  #checkProof({ proof }: Welcome, message: Uint8Array): Result {
    if (this.#prover === undefined || proof === undefined) return { ok: true, value: undefined };
    const proved = this.#prover.check(proof);
    if (!proved.ok || isWelcomeOf(sessionKeysOf(this.#prover).fromServer, message)) return proved;
    return err('HandshakeFailed', "the server's welcome was changed on its way");
  }

  #onEchoed(lane: Lane): void {
    this.#missingEchoes.delete(lane);
    if (this.#missingEchoes.size > 0 || this.#link === undefined) return;
    this.#link.establish('client');
    this.#settle?.({ ok: true, value: this.#link });
  }

  /** Asks now, and again until something else is asked: a message may get lost before interest in it has spread. */
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

  #fail(error: NetworkError): void {
    this.#settle?.({ ok: false, error });
  }
}

function aborted(signal: AbortSignal): Result<never> {
  return err('Aborted', 'connecting was aborted', signal.reason);
}
