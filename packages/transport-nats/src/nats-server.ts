import {
  debugLog,
  err,
  NetworkServer,
  type NetworkError,
  OK,
  resolveOwnConfig,
  type Result,
  type ServerConfig,
  unwrap,
} from '@entropynet/core';
import { setTimerReferenced, startTimer, stopTimer, type Timer } from '@entropynet/core/platform';
import { checkPlatform } from '#nats-client';
import { askService } from './ask-service.js';
import { HandshakeDesk } from './handshake-desk.js';
import { formatHostPort, type NatsAddress, parseNatsAddress, serviceSubject, shownAddress } from './nats-address.js';
import { unpublishedError } from './nats-errors.js';
import { natsSection } from './nats-options.js';
import { Lane } from './nats-protocol.js';
import type { SessionMember } from './session-member.js';
import { leaseSession, type SessionLease } from './session-pool.js';
import { unlessAborted } from './unless-aborted.js';

const log = debugLog('nats');

/** The queue group of a server without one: a client's hello reaches only one server, even if two listen by mistake. */
const ALONE = 'entropynet';

/** How long a running server may take to answer that it has the service, in milliseconds. */
const LISTEN_ANSWER_MS = 1000;

/** The waits before a server whose NATS connection broke tries again, in milliseconds. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/** The resources of a listening server. */
interface Listening {
  readonly lease: SessionLease;
  readonly desk: HandshakeDesk;
  stop(): void;
}

/** A server for connections over NATS. It listens on the subject of a service. */
export class NatsConnectionServer extends NetworkServer {
  readonly #address: NatsAddress;
  readonly #service: string;
  #current: Listening | undefined;
  #isReferenced = true;
  #retry: Timer | undefined;

  /** @param config the configuration; for a wrong one, the constructor throws a `NetworkError` (`InvalidParameter`) */
  constructor(config: ServerConfig) {
    const resolved = unwrap(resolveOwnConfig(config, natsSection));
    unwrap(checkPlatform(resolved));
    super(resolved, resolved.nats.maxConnections);
    this.#address = unwrap(parseNatsAddress(this.config.endpoint));
    this.#service = serviceSubject(this.#address, this.config);
  }

  /**
   * Makes the listening server keep the process alive (the default). Has no effect with a NATS connection of the
   * program.
   */
  ref(): void {
    this.#setReferenced(true);
  }

  /** Lets the process end although the server listens. */
  unref(): void {
    this.#setReferenced(false);
  }

  /** Returns the endpoint without user information, because each client has its own. */
  address(): string | undefined {
    if (!this.isListening()) return undefined;
    const { host, port, service } = this.#address;
    return `nats://${formatHostPort(host, port)}/${service}`;
  }

  protected async doListen(signal: AbortSignal): Promise<Result> {
    const lease = await leaseSession(this.#address, this.config, Lane.Prompt, signal);
    if (!lease.ok) return lease;
    const free = await this.#checkFree(lease.value, signal);
    const opened = free.ok ? await this.#open(lease.value, signal) : free;
    if (!opened.ok) lease.value.release();
    return opened;
  }

  /** Checks that no other server has the service, except servers of the same queue group. */
  async #checkFree({ session }: SessionLease, signal: AbortSignal): Promise<Result> {
    const { connectTimeoutMs, nats } = this.config;
    const limitMs = Math.min(connectTimeoutMs, LISTEN_ANSWER_MS);
    const asked = await askService(session, this.#service, nats.inboxPrefix, limitMs, signal);
    // If a monitor is subscribed to every subject, the NATS server can't answer that no server is subscribed.
    if (!asked.ok) return asked.error.code === 'Timeout' ? OK : asked;
    const { isThere, queueGroup } = asked.value;
    if (!isThere || (queueGroup !== undefined && queueGroup === nats.queueGroup)) return OK;
    const has = queueGroup === undefined ? 'without a queue group' : `of the queue group '${queueGroup}'`;
    return err(
      'AddressInUse',
      `another server ${has} listens at ${shownAddress(this.#address)}; servers with one 'nats.queueGroup' share a service`,
    );
  }

  /** Subscribes. Returns ok when the NATS server has accepted the subscription. */
  async #open(lease: SessionLease, signal: AbortSignal): Promise<Result> {
    const { session } = lease;
    const desk = new HandshakeDesk(this.#address, this.config, this.#service, session, this.accepted);
    const unsubscribes: (() => void)[] = [];
    let forbidden: NetworkError | undefined;
    const member: SessionMember = {
      onBroken: (error) => {
        if (this.#current?.lease === lease) this.#onBroken(error, session.survivesBreaks, signal);
      },
      onForbidden: (subject, error) => {
        if (subject === this.#service || subject === desk.subject) forbidden ??= error;
      },
    };
    const current: Listening = {
      lease,
      desk,
      stop: () => {
        session.remove(member);
        for (const unsubscribe of unsubscribes) unsubscribe();
      },
    };
    try {
      unsubscribes.push(session.subscribe(this.#service, desk.take, this.config.nats.queueGroup ?? ALONE));
      unsubscribes.push(session.subscribe(desk.subject, desk.take));
    } catch (error) {
      current.stop();
      return { ok: false, error: unpublishedError(error, session.where) };
    }
    session.add(member);
    lease.setReferenced(this.#isReferenced);
    await unlessAborted(session.flush(), signal);
    // A refusal comes before the answer to the flush.
    const refusal = forbidden ?? session.brokenError;
    if (refusal !== undefined || signal.aborted) {
      current.stop();
      if (signal.aborted) return err('Aborted', `the server at ${shownAddress(this.#address)} was closed`);
      if (refusal !== undefined) return { ok: false, error: refusal };
    }
    this.#current = current;
    return OK;
  }

  /**
   * Handles a broken NATS connection. The connections end by themselves; the server listens again when a NATS server
   * answers. If the NATS connection is the program's and has ended for good, the server closes: it can't replace it.
   */
  #onBroken(error: NetworkError, survivesBreaks: boolean, signal: AbortSignal): void {
    const isFinal = !survivesBreaks && this.config.nats.connection !== undefined;
    const outlook = isFinal ? 'the server closes' : 'listening again as soon as that is possible';
    log(() => `${shownAddress(this.#address)}: ${error.message}; ${outlook}`);
    this.#current?.desk.abandon();
    // On a NATS connection of the program, `@nats-io` subscribes again by itself.
    if (survivesBreaks) return;
    if (isFinal) {
      void this.close();
      return;
    }
    this.#current?.stop();
    this.#current?.lease.release();
    this.#current = undefined;
    this.#listenAgain(FIRST_WAIT_MS, signal);
  }

  #listenAgain(waitMs: number, signal: AbortSignal): void {
    this.#retry = startTimer(() => {
      void this.#tryAgain(waitMs, signal);
    }, waitMs);
    setTimerReferenced(this.#retry, this.#isReferenced);
  }

  /** @param signal aborts when the server is closed. A later `listen()` is another one. */
  async #tryAgain(waitMs: number, signal: AbortSignal): Promise<void> {
    const lease = await leaseSession(this.#address, this.config, Lane.Prompt, signal);
    const opened = lease.ok ? await this.#open(lease.value, signal) : lease;
    if (opened.ok) return;
    if (lease.ok) lease.value.release();
    log(() => `${shownAddress(this.#address)}: ${opened.error.message}`);
    if (!signal.aborted) this.#listenAgain(Math.min(2 * waitMs, LONGEST_WAIT_MS), signal);
  }

  protected doStopAccepting(): void {
    stopTimer(this.#retry);
    this.#current?.stop();
  }

  protected override async doClose(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.desk.close();
    // After this the NATS server answers a client that no server is subscribed.
    await current?.lease.session.flush();
    current?.lease.release();
  }

  #setReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    this.#current?.lease.setReferenced(isReferenced);
    if (this.#retry !== undefined) setTimerReferenced(this.#retry, isReferenced);
  }
}
