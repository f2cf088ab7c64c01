import {
  debugLog,
  describeThrown,
  type NetworkError,
  printable,
  Roster,
  shortageOf,
  WarningLimiter,
} from '@entropynet/core';
import type { NatsConnection } from '@nats-io/nats-core';
import { BatchMemory } from './batch-memory.js';
import {
  type Break,
  brokenError,
  brokenErrorOf,
  permissionErrorOf,
  silenceOf,
  unpublishedError,
} from './nats-errors.js';
import { HEADER_BYTES, CODE_BYTES, MESSAGE_COST_BYTES } from './nats-protocol.js';
import type { NatsConfig } from './nats-options.js';
import { internalsOf } from './nats-internals.js';
import { NatsPulse } from './nats-pulse.js';
import { ReceiveBudget } from './receive-budget.js';
import type { MessageTaker, SessionMember } from './session-member.js';

const log = debugLog('nats');

/**
 * One NATS connection that many links of one thread share. It counts the bytes that the NATS server has not confirmed,
 * because `publish` of `@nats-io` queues without a limit. If the NATS connection breaks, it reports that to every
 * member.
 */
export class NatsSession {
  /** The limit for the bytes of all its links that are in flight to this side. */
  readonly budget: ReceiveBudget;
  /** Memory for the messages of all its links. */
  readonly memory = new BatchMemory();
  /** The NATS server, for people. */
  readonly where: string;

  readonly #connection: NatsConnection;
  readonly #config: NatsConfig;
  /** Whether the program opened the NATS connection and closes it. */
  readonly #isGiven: boolean;
  readonly #members = new Roster<SessionMember>();
  /**
   * The callbacks that end the present flushes. `@nats-io` never settles a flush if the NATS connection ends and does
   * not reconnect.
   */
  readonly #openFlushes = new Set<() => void>();
  #unflushedBytes = 0;
  /** The part of the unconfirmed bytes that no present flush covers. */
  #uncoveredBytes = 0;
  #isFlushing = false;
  #wasRefused = false;
  #break: Break | undefined;
  /** The last error of the NATS server before it ended the NATS connection. */
  #lastError: Error | undefined;
  readonly #pulse: NatsPulse;
  readonly #warnings = new WarningLimiter();

  constructor(connection: NatsConnection, config: NatsConfig, where: string, isGiven: boolean) {
    this.#connection = connection;
    this.#config = config;
    this.where = where;
    this.#isGiven = isGiven;
    this.budget = new ReceiveBudget(config.maxPendingBytes);
    this.#pulse = new NatsPulse(config.heartbeat, {
      ask: () => this.flush(),
      messagesHeard: () => connection.stats().inMsgs,
      onSilent: () => {
        this.#onBreak('ended', silenceOf(config.heartbeat.timeoutMs));
        void connection.close();
      },
    });
    void this.#watch();
    void connection.closed().then((error) => {
      this.#onBreak('ended', error);
    });
    if (isGiven) return;
    // The timers of `@nats-io` would keep the process alive. This side's own heartbeat replaces them.
    internalsOf(connection).protocol?.heartbeats?.cancel?.();
    this.#pulse.start();
  }

  /** Whether the NATS connection is interrupted or has ended. */
  get isBroken(): boolean {
    return this.#break !== undefined;
  }

  /** The reason why nothing can be published. Undefined while the NATS connection works. */
  get brokenError(): NetworkError | undefined {
    return this.#break && brokenError(this.#break, this.where);
  }

  /** Whether `@nats-io` reconnects and subscribes again by itself after the present break, or after the next one. */
  get survivesBreaks(): boolean {
    return this.#isGiven && this.#break !== 'ended';
  }

  /**
   * Whether fewer bytes than the limit wait for the NATS server's confirmation. After a false, `onWritable` follows.
   */
  get hasRoom(): boolean {
    if (this.#unflushedBytes < this.#config.maxBufferedBytes) return true;
    this.#wasRefused = true;
    this.#cover();
    return false;
  }

  /** The length of the longest body of a message now. The NATS server may change it. */
  get maxBodyBytes(): number {
    return (this.#connection.info?.max_payload ?? 0) - HEADER_BYTES - CODE_BYTES;
  }

  /** The properties that the NATS server reports. */
  get serverFacts(): {
    readonly version: string;
    readonly cluster: string | undefined;
    readonly maxPayload: number;
    readonly needsCredentials: boolean;
  } {
    const { version = '', cluster, max_payload: maxPayload = 0, auth_required: auth } = this.#connection.info ?? {};
    return {
      version: printable(version, 60),
      cluster: cluster === undefined ? undefined : printable(cluster, 60),
      maxPayload,
      needsCredentials: auth === true,
    };
  }

  add(member: SessionMember): void {
    this.#members.add(member);
  }

  remove(member: SessionMember): void {
    this.#members.delete(member);
  }

  /**
   * Takes the messages of a subject. The returned function ends that. If `take` throws, for example without memory, only
   * this message is lost: otherwise `@nats-io` would stop reading, for all links.
   */
  subscribe(subject: string, take: MessageTaker, queue?: string): () => void {
    const subscription = this.#connection.subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: (error, message) => {
        try {
          if (error !== null) this.#onForbidden('subscription', subject, error);
          else take(message);
        } catch (thrown) {
          const reason = shortageOf(thrown) ?? describeThrown(thrown);
          this.#warnings.warn(`EntropyNet lost a message of the NATS server at ${this.where}: ${reason}`);
        }
      },
    });
    return () => {
      subscription.unsubscribe();
    };
  }

  /**
   * Publishes a message. The caller must not change its bytes afterwards. Returns the error if the NATS connection is
   * interrupted, has ended or ends, or if the message is longer than the NATS server accepts.
   */
  publish(subject: string, message: Uint8Array, reply?: string): NetworkError | undefined {
    if (this.#break !== undefined) return this.brokenError;
    try {
      this.#connection.publish(subject, message, reply === undefined ? undefined : { reply });
    } catch (error) {
      log(() => `publishing to ${subject} failed: ${String(error)}`);
      return unpublishedError(error, this.where);
    }
    const cost = message.length + MESSAGE_COST_BYTES;
    this.#unflushedBytes += cost;
    this.#uncoveredBytes += cost;
    if (this.#uncoveredBytes >= this.#config.maxBufferedBytes >>> 3) this.#cover();
    return undefined;
  }

  /**
   * Resolves with true when the NATS server has taken all published messages, or with false if the NATS connection
   * breaks.
   */
  async flush(): Promise<boolean> {
    if (this.#break !== undefined) return false;
    return new Promise<boolean>((resolve) => {
      const fail = (): void => {
        end(false);
      };
      const end = (isConfirmed: boolean): void => {
        this.#openFlushes.delete(fail);
        resolve(isConfirmed);
      };
      this.#openFlushes.add(fail);
      // A failure is a break, and every member gets the report of it.
      this.#confirmation().then(() => {
        end(true);
      }, fail);
    });
  }

  /** Resolves with whether the NATS server gives a sign of life within that time. */
  answersWithin(timeoutMs: number): Promise<boolean> {
    return this.#pulse.answersWithin(timeoutMs);
  }

  async #confirmation(): Promise<void> {
    await this.#connection.flush();
  }

  /** Gives the published messages to the system at once, for a process that exits. */
  flushNow(): void {
    void this.flush();
  }

  /** Sets whether the socket keeps the process alive. It does not change the program's own NATS connection. */
  setReferenced(isReferenced: boolean): void {
    if (this.#isGiven) return;
    const socket = internalsOf(this.#connection).protocol?.transport?.socket;
    if (isReferenced) socket?.ref?.();
    else socket?.unref?.();
  }

  /** Ends the NATS connection after all published messages have left. It does not end the program's own one. */
  async close(): Promise<void> {
    if (this.#isGiven) return;
    // The heartbeat runs until then. If the NATS server hangs, the heartbeat ends the flush.
    await this.flush();
    this.#pulse.stop();
    await this.#connection.close();
  }

  /** Asks the NATS server for a confirmation, unless a question is under way. */
  #cover(): void {
    if (this.#isFlushing || this.#break !== undefined || this.#uncoveredBytes === 0) return;
    const covered = this.#uncoveredBytes;
    this.#uncoveredBytes = 0;
    this.#isFlushing = true;
    this.memory.cover();
    void this.flush().then((isConfirmed) => {
      this.#isFlushing = false;
      if (isConfirmed) this.memory.confirm();
      else this.memory.forget();
      // A break in between has set it to 0.
      this.#unflushedBytes = Math.max(0, this.#unflushedBytes - covered);
      const { maxBufferedBytes } = this.#config;
      if (this.#wasRefused && this.#unflushedBytes <= maxBufferedBytes >>> 1) {
        this.#wasRefused = false;
        this.#tellWritable();
      } else if (this.#wasRefused || this.#uncoveredBytes >= maxBufferedBytes >>> 3) this.#cover();
    });
  }

  /** Each member that had a turn goes to the end. Otherwise the first ones would take all room in every round. */
  #tellWritable(): void {
    for (const member of [...this.#members]) {
      // The others have their turn in the next round.
      if (!this.hasRoom) return;
      // An earlier one may have ended it.
      if (!this.#members.delete(member)) continue;
      this.#members.add(member);
      member.onWritable?.();
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'disconnect') this.#onBreak(this.#isGiven ? 'interrupted' : 'ended', undefined);
      else if (status.type === 'reconnect' && this.#break === 'interrupted') this.#break = undefined;
      else if (status.type === 'error') this.#onError(status.error);
    }
  }

  #onError(error: Error): void {
    log(() => `the NATS server at ${this.where} says: ${error.message}`);
    const { operation, subject } = error as { readonly operation?: unknown; readonly subject?: unknown };
    if (operation === 'publish' && typeof subject === 'string') this.#onForbidden(operation, subject, error);
    else if (typeof subject !== 'string') this.#lastError = error;
  }

  #onForbidden(operation: string, subject: string, cause: unknown): void {
    const error = permissionErrorOf(operation, subject, cause);
    for (const member of [...this.#members]) member.onForbidden?.(subject, error);
  }

  #onBreak(how: Break, reason: unknown): void {
    // An end is final: the NATS connection does not reconnect after it.
    if (this.#break === 'ended' || this.#break === how) return;
    this.#break = how;
    this.#unflushedBytes = 0;
    this.#uncoveredBytes = 0;
    this.#pulse.stop();
    const error = brokenErrorOf(how, reason ?? this.#lastError, this.where);
    log(() => error.message);
    for (const end of [...this.#openFlushes]) end();
    for (const member of [...this.#members]) member.onBroken(error);
  }
}
