import {
  type AcceptQueue,
  agreeOnSecret,
  decodePeerLimits,
  encodePeerLimits,
  NetworkError,
  type NetworkConnection,
  redactEndpoint,
  type ResolvedConnectionConfig,
  WarningLimiter,
} from '@entropynet/core';
import { KeyedRoster, startLimit } from '@entropynet/core/platform';
import type { Msg } from '@nats-io/nats-core';
import { hexOf, randomBytes } from './bytes.js';
import {
  type ClientHandshake,
  endWithin,
  freeHandshake,
  fullError,
  lackError,
  lateError,
  newHandshake,
} from './client-handshake.js';
import {
  checkVersion,
  decodeAnswer,
  decodeHello,
  encodeChallenge,
  encodeHandshake,
  encodeWelcome,
  handshakeKindOf,
  type Hello,
  ID_BYTES,
  isCode,
} from './handshake-messages.js';
import { openLinkEnds } from './link-ends.js';
import { sealsOf, type SessionKeys, sessionKeysOf } from './message-seal.js';
import type { NatsAddress } from './nats-address.js';
import { NatsConnection } from './nats-connection.js';
import { NatsLink } from './nats-link.js';
import { encodeFault, isPlainSubject, Kind, Lane, laneSubject } from './nats-protocol.js';
import type { NatsSession } from './nats-session.js';
import { takePlace } from './take-place.js';

/** A server's part of the handshakes. It accepts or refuses each client, and limits the time of each handshake. */
export class HandshakeDesk {
  /** The subject for the answers to this server's challenges. No other server of the queue group may get them. */
  readonly subject: string;

  readonly #address: NatsAddress;
  readonly #config: ResolvedConnectionConfig;
  readonly #service: string;
  readonly #session: NatsSession;
  readonly #accepted: AcceptQueue<NetworkConnection>;
  readonly #handshakes = new KeyedRoster<string, ClientHandshake>();
  readonly #warnings = new WarningLimiter();
  #isClosed = false;

  constructor(
    address: NatsAddress,
    config: ResolvedConnectionConfig,
    service: string,
    session: NatsSession,
    accepted: AcceptQueue<NetworkConnection>,
  ) {
    this.#address = address;
    this.#config = config;
    this.#service = service;
    this.#session = session;
    this.#accepted = accepted;
    this.subject = `${service}.${hexOf(randomBytes(ID_BYTES))}`;
  }

  /** Handles a message on the service's subject, or on this server's own. */
  readonly take = ({ data, reply }: Msg): void => {
    if (this.#isClosed) return;
    switch (handshakeKindOf(data)) {
      case Kind.Hello:
        this.#onHello(data, reply);
        break;
      case Kind.Answer:
        this.#onAnswer(data);
        break;
      case Kind.Inquiry: {
        const group = new TextEncoder().encode(this.#config.nats.queueGroup ?? '');
        if (isPlainSubject(reply)) this.#publish(reply, encodeHandshake(Kind.Presence, group));
        break;
      }
      default:
        // Another protocol: the sender gets no answer.
        break;
    }
  };

  /** Accepts no more clients. Accepted clients that have not answered get a goodbye. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closing = new NetworkError('ConnectionClosed', 'the server is closing');
    const ending = [...this.#handshakes].map(async ([key, { link, isWelcomed, hello }]) => {
      if (link === undefined || !isWelcomed) this.#refuseAt(hello.base, closing);
      else await endWithin(link, this.#config.sendTimeoutMs);
      this.#end(key);
    });
    await Promise.all(ending);
  }

  /** The NATS connection broke: all handshakes end. */
  abandon(): void {
    for (const [key] of [...this.#handshakes]) this.#end(key);
  }

  #onHello(data: Uint8Array, reply: string | undefined): void {
    const version = checkVersion(data);
    const hello = version.ok ? decodeHello(data) : undefined;
    if (hello === undefined) {
      const malformed = new NetworkError('HandshakeFailed', "the client's Hello message is invalid");
      if (isPlainSubject(reply)) this.#refuse(reply, version.ok ? malformed : version.error);
      return;
    }
    const key = hexOf(hello.id);
    const known = this.#handshakes.get(key);
    if (known === undefined) this.#begin(key, hello, data);
    else if (known.answer !== undefined) this.#answer(known, known.answer);
  }

  #begin(key: string, hello: Hello, data: Uint8Array): void {
    const greeting = decodePeerLimits(hello.greeting);
    const { secret } = this.#config;
    const agreed = greeting.ok ? agreeOnSecret(secret, greeting.value.hasSecret) : greeting;
    if (!agreed.ok) this.#refuseAt(hello.base, agreed.error);
    if (!greeting.ok || !agreed.ok) return;
    const { maxConnections, handshakeTimeoutMs } = this.#config.nats;
    if (this.#handshakes.size >= maxConnections) this.#dropUnproved();
    if (this.#handshakes.size >= maxConnections) {
      this.#refuseAt(hello.base, fullError(maxConnections));
      return;
    }
    const stopLimit = startLimit(() => {
      this.#give(key, lateError(handshakeTimeoutMs));
    }, handshakeTimeoutMs);
    const handshake = newHandshake(hello, data, greeting.value, secret, stopLimit);
    this.#handshakes.set(key, handshake);
    if (handshake.verifier === undefined) this.#admit(key, handshake, undefined, undefined).catch(this.#giveUpOn(key));
    else this.#answer(handshake, encodeChallenge(handshake.verifier.challenge, this.subject));
  }

  #onAnswer(data: Uint8Array): void {
    const answered = decodeAnswer(data);
    if (answered === undefined) return;
    const key = hexOf(answered.id);
    const handshake = this.#handshakes.get(key);
    if (handshake?.verifier === undefined) return;
    if (handshake.isAdmitted) {
      // The welcome got lost, and the client asks again.
      if (handshake.isWelcomed && handshake.answer !== undefined) this.#answer(handshake, handshake.answer);
      return;
    }
    const proof = handshake.verifier.check(answered.answer);
    const keys = sessionKeysOf(handshake.verifier);
    const isWhole = isCode(answered.code, keys.fromClient, handshake.bytes, answered.answer);
    if (proof.ok && isWhole) this.#admit(key, handshake, proof.value, keys).catch(this.#giveUpOn(key));
    else {
      const changed = new NetworkError('HandshakeFailed', "somebody changed the client's Hello message on its way");
      // Anyone may have sent it. The client's own answer still counts.
      this.#refuseAt(handshake.hello.base, proof.ok ? changed : proof.error);
    }
  }

  /** Makes the link, subscribes, waits until the NATS server has the subscriptions, and answers only then. */
  async #admit(
    key: string,
    handshake: ClientHandshake,
    proof: Uint8Array | undefined,
    keys: SessionKeys | undefined,
  ): Promise<void> {
    handshake.isAdmitted = true;
    const place = takePlace(this.#accepted);
    if (!place.ok) {
      this.#give(key, place.error);
      return;
    }
    handshake.place = place.value;
    const base = `${this.#service}.${hexOf(randomBytes(ID_BYTES))}`;
    const opened = await openLinkEnds(this.#address, this.#config, base, (lane, message) => {
      handshake.link?.take(lane, message);
    });
    if (!opened.ok) {
      this.#give(key, opened.error);
      return;
    }
    if (this.#handshakes.get(key) !== handshake) {
      opened.value.release();
      return;
    }
    handshake.ends = opened.value;
    const { ends, credits } = opened.value;
    handshake.link = new NatsLink({
      config: this.#config,
      ends,
      ownBase: base,
      peerBase: handshake.hello.base,
      credits: handshake.hello.credits,
      peerLimits: handshake.greeting,
      seals: keys && sealsOf(keys, 'server'),
      handshake: {
        onEchoed: () => undefined,
        onNobody: () => undefined,
        onReady: () => {
          this.#connect(key, handshake);
        },
        onEnded: () => {
          this.#end(key);
        },
      },
    });
    await Promise.all(ends.map(({ lease }) => lease.session.flush()));
    if (this.#handshakes.get(key) !== handshake) return;
    handshake.isWelcomed = true;
    const greeting = encodePeerLimits(this.#config);
    this.#answer(handshake, encodeWelcome({ greeting, credits, base, proof }, keys?.fromServer));
  }

  /** Each side has received from the other on both lanes. */
  #connect(key: string, handshake: ClientHandshake): void {
    const { link, place, stopLimit } = handshake;
    if (link === undefined || place === undefined) return;
    let connection: NatsConnection;
    try {
      link.establish('server');
      connection = new NatsConnection(this.#config, link);
    } catch (error) {
      this.#giveUpOn(key)(error);
      return;
    }
    this.#handshakes.delete(key);
    stopLimit();
    if (place.push(connection)) return;
    link.fail(new NetworkError('ConnectionClosed', 'the server is closing'));
    link.release();
  }

  #answer(handshake: ClientHandshake, answer: Uint8Array): void {
    handshake.answer = answer;
    this.#publish(laneSubject(handshake.hello.base, Lane.Prompt), new Uint8Array(answer));
  }

  #refuseAt(base: string, error: NetworkError): void {
    this.#refuse(laneSubject(base, Lane.Prompt), error);
  }

  #refuse(subject: string, error: NetworkError): void {
    this.#publish(subject, encodeHandshake(Kind.Refusal, encodeFault(error)));
  }

  /** Publishes an answer if there is room. A question costs its sender nothing, and a correct client asks again. */
  #publish(subject: string, message: Uint8Array): void {
    if (this.#session.hasRoom) this.#session.publish(subject, message);
  }

  /**
   * Drops the oldest handshake whose client has proved nothing, so that a flood of hellos does not keep correct clients
   * out.
   */
  #dropUnproved(): void {
    for (const [key, { verifier, isAdmitted }] of this.#handshakes) {
      if (verifier === undefined || isAdmitted) continue;
      this.#end(key);
      return;
    }
  }

  /** Returns a function that gives up a client that can't be taken, for example without memory. It ends no process. */
  #giveUpOn(key: string): (error: unknown) => void {
    return (error) => {
      const lack = lackError("the server can't take a client", error);
      const endpoint = redactEndpoint(this.#config.endpoint);
      this.#warnings.warn(`EntropyNet server '${endpoint}' ended a connection: ${lack.message}`);
      this.#give(key, lack);
    };
  }

  /** Refuses a client whose handshake has begun. */
  #give(key: string, error: NetworkError): void {
    const handshake = this.#handshakes.get(key);
    if (handshake === undefined) return;
    if (handshake.isWelcomed) handshake.link?.fail(error);
    else this.#refuseAt(handshake.hello.base, error);
    this.#end(key);
  }

  #end(key: string): void {
    const handshake = this.#handshakes.get(key);
    if (handshake === undefined) return;
    this.#handshakes.delete(key);
    freeHandshake(handshake);
  }
}
