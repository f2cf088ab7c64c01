import { type FrameLink, NetworkError, type PeerLimits, type ResolvedConnectionConfig } from '@entropynet/core';
import { flushAtExit, hmacUnder } from '@entropynet/core/platform';
import type { Msg } from '@nats-io/nats-core';
import { Arrivals } from './arrivals.js';
import { hexOf } from './bytes.js';
import { decodeGoodbye, decodeGrants, encodeGoodbye, encodeGrants } from './lane-messages.js';
import { LinkHealth, PING_BYTES } from './link-health.js';
import type { Seals } from './message-seal.js';
import { NatsFrameWriter } from './nats-frame-writer.js';
import { CODE_BYTES, decodeFault, encodeFault, HEADER_BYTES, Kind, Lane, laneSubject } from './nats-protocol.js';
import { type SessionMember, silenceOf } from './nats-session.js';
import { brokenErrorOf } from './nats-errors.js';
import { OutgoingLane } from './outgoing-lane.js';
import type { ReceiveShare } from './receive-budget.js';
import type { SessionLease } from './session-pool.js';

/** The largest number of messages between two heartbeats that are not the peer's. Beyond it the link ends. */
const MAX_REFUSED = 10_000;

/** The length of the monitoring text of both ends. */
const KEY_DIGITS = 24;

/** Makes that text from the subjects of both ends. No one can compute the subjects from it. */
const keyCode = hmacUnder(new TextEncoder().encode('entropynet nats connection'));

/** The events of a link, for its connection. */
export interface NatsLinkReceiver {
  onFrame(header: number, bytes: Uint8Array, start: number, end: number, isOwned: boolean): void;
  /** The link ended: with the peer's goodbye, or with an error. Called once, after the last frame. */
  onEnd(error: NetworkError | undefined): void;
  onWritable(): void;
  onResponsivenessChanged(isResponsive: boolean): void;
}

/** The events of a link for its handshake, before the link stands. */
export interface LinkHandshake {
  onEchoed(lane: Lane): void;
  onReady(): void;
  /** No participant is subscribed to the peer's subject of a lane, according to this side's NATS server. */
  onNobody(lane: Lane): void;
  /** The link ended before it stood. */
  onEnded(error: NetworkError): void;
}

/** One side's ends of the two lanes. */
export interface LaneEnds {
  readonly lease: SessionLease;
  readonly share: ReceiveShare;
  /** Ends the subscription to this side's subject. */
  readonly unsubscribe: () => void;
}

/** The parts of a link, after both sides have exchanged their subjects. */
export interface LinkParts {
  readonly config: ResolvedConnectionConfig;
  readonly ends: readonly [prompt: LaneEnds, bulk: LaneEnds];
  /** The prefixes of the subjects: this side's and the peer's. */
  readonly ownBase: string;
  readonly peerBase: string;
  /** The first window that the peer grants, by lane. */
  readonly credits: readonly [prompt: number, bulk: number];
  readonly peerLimits: PeerLimits;
  readonly seals: Seals | undefined;
  readonly handshake: LinkHandshake;
}

/** The link of a connection over NATS: two lanes in each direction, signs of life, and an explicit end. */
export class NatsLink implements FrameLink, SessionMember {
  readonly writer: NatsFrameWriter;
  readonly peerLimits: PeerLimits;

  readonly #parts: LinkParts;
  readonly #outgoing: readonly [prompt: OutgoingLane, bulk: OutgoingLane];
  readonly #arrivals: Arrivals;
  readonly #bodyStart: number;
  readonly #leaveExit: () => void;
  #handshake: LinkHandshake | undefined;
  #receiver: NatsLinkReceiver | undefined;
  #end: { readonly error: NetworkError | undefined } | undefined;
  #isReleased = false;
  /** The number of the last message of the peer's bulk lane, after the peer has said goodbye. */
  #peerGoodbye: number | undefined;
  /** The state of this side's goodbye. It waits for the frames that were written before it. */
  #goodbye: 'not meant' | 'due' | 'said' = 'not meant';
  #onGoodbyeTaken: (() => void) | undefined;
  #health: LinkHealth | undefined;
  /** The number of messages since the last heartbeat that were not the peer's. */
  #refused = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.#handshake = parts.handshake;
    this.peerLimits = parts.peerLimits;
    const { ends, seals, peerBase, credits } = parts;
    const [prompt, bulk] = ends;
    const onUnpublished = (): void => {
      this.#onUnpublished();
    };
    const promptLane = new OutgoingLane(
      { after: 0, seals, mayPublish: () => true, onUnpublished },
      prompt.lease.session,
      Lane.Prompt,
      laneSubject(peerBase, Lane.Prompt),
      credits[0],
    );
    const bulkLane = new OutgoingLane(
      {
        get after(): number {
          return promptLane.number;
        },
        seals,
        mayPublish: () => {
          promptLane.flush();
          return promptLane.isEmpty;
        },
        onUnpublished,
      },
      bulk.lease.session,
      Lane.Bulk,
      laneSubject(peerBase, Lane.Bulk),
      credits[1],
    );
    this.#outgoing = [promptLane, bulkLane];
    this.writer = new NatsFrameWriter(promptLane, bulkLane);
    this.#bodyStart = HEADER_BYTES + (seals === undefined ? 0 : CODE_BYTES);
    this.#arrivals = new Arrivals([prompt.share, bulk.share], this.#bodyStart, {
      takeFrame: (header, bytes, start, end, isOwned) => {
        this.#receiver?.onFrame(header, bytes, start, end, isOwned);
      },
      isOver: () => this.#isReleased,
      onWrong: (error) => {
        this.fail(error);
      },
      onRenewed: (lane, bytes) => {
        // After the end this side grants no window. It still delivers the held data.
        if (this.#end === undefined) promptLane.tell(Kind.Credit, encodeGrants(lane, bytes));
      },
    });
    for (const { lease } of ends) lease.session.add(this);
    this.#leaveExit = flushAtExit(this);
  }

  /** The round trip of the last answered ping, in milliseconds; undefined before the first answer. */
  get roundTripMs(): number | undefined {
    return this.#health?.roundTripMs;
  }

  /**
   * The same text at both ends of the connection, and different from that of all other connections. It does not reveal
   * the subjects.
   */
  get key(): string {
    const { ownBase, peerBase } = this.#parts;
    const subjects = new TextEncoder().encode([ownBase, peerBase].sort().join(' '));
    return `nats-${hexOf(keyCode(subjects, new Uint8Array(0))).slice(0, KEY_DIGITS)}`;
  }

  /** Whether the peer has gone before this side received from it, and left no message. */
  get isAbandoned(): boolean {
    return this.#end !== undefined && !this.#arrivals.isReceiving && this.#arrivals.isEmpty;
  }

  /** Asks for an echo on a lane. */
  askForEcho(lane: Lane): void {
    this.#outgoing[lane].tellUnnumbered(Kind.Echo, undefined, laneSubject(this.#parts.ownBase, lane));
  }

  /** The handshake is over. A client reports that to the server. */
  establish(side: 'client' | 'server'): void {
    this.#handshake = undefined;
    if (side === 'client') this.#outgoing[0].tell(Kind.Ready);
    const { config, seals } = this.#parts;
    this.#health = new LinkHealth(config.nats.heartbeat, seals !== undefined, {
      ask: (payload) => {
        this.#outgoing[0].tell(Kind.Ping, payload, laneSubject(this.#parts.ownBase, Lane.Prompt));
      },
      onResponsivenessChanged: (isResponsive) => {
        this.#receiver?.onResponsivenessChanged(isResponsive);
      },
      onGone: () => {
        this.#onGone();
      },
      onSilent: () => {
        this.#finish(this.#silence(config.nats.heartbeat.timeoutMs));
      },
      onBeat: () => {
        this.#refused = 0;
      },
    });
  }

  /** Reports to this receiver from now on. Frames follow after `start()`. */
  use(receiver: NatsLinkReceiver): void {
    this.#receiver = receiver;
  }

  /** Starts the delivery, with the held data first. */
  start(): void {
    this.#arrivals.start();
    if (this.#end !== undefined) this.#tellEnd();
  }

  /** Says goodbye after all written frames. Resolves when the peer has taken them, or the link has ended. */
  close(): Promise<void> {
    if (this.#end !== undefined) return Promise.resolve();
    this.#goodbye = 'due';
    return new Promise((resolve) => {
      this.#onGoodbyeTaken = resolve;
      this.writer.flush();
      this.#sayGoodbye();
    });
  }

  /** Ends a broken link, and sends the reason to the peer. */
  fail(error: NetworkError): void {
    if (this.#end !== undefined) return;
    if (!this.#parts.ends[0].lease.session.isBroken) this.#outgoing[0].tell(Kind.Fault, encodeFault(error));
    this.#finish(error);
  }

  /** Releases everything at once. Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#receiver = undefined;
    this.#arrivals.clear();
    this.#end ??= { error: undefined };
    this.#stop();
    for (const { lease, share, unsubscribe } of this.#parts.ends) {
      lease.session.remove(this);
      unsubscribe();
      share.leave();
      lease.release();
    }
  }

  setReferenced(isReferenced: boolean): void {
    for (const { lease } of this.#parts.ends) lease.setReferenced(isReferenced);
  }

  /** Gives the written frames to the system, because the process exits. */
  flush(): void {
    this.writer.flush();
    for (const { lease } of this.#parts.ends) lease.session.flushNow();
  }

  onBroken(error: NetworkError): void {
    // If only one of two NATS connections broke, the peer learns the reason.
    this.fail(error);
  }

  onForbidden(subject: string, error: NetworkError): void {
    const { ownBase, peerBase } = this.#parts;
    if (subject.startsWith(`${ownBase}.`) || subject.startsWith(`${peerBase}.`)) this.fail(error);
  }

  onWritable(): void {
    const [prompt, bulk] = this.#outgoing;
    if (!prompt.wasRefused && !bulk.wasRefused) return;
    prompt.wasRefused = false;
    bulk.wasRefused = false;
    this.#receiver?.onWritable();
  }

  /** Handles a message on this side's subject of a lane. Never throws, because that would end the NATS connection. */
  take(lane: Lane, { data, headers }: Msg): void {
    if (this.#end !== undefined) return;
    if (data.length === 0) {
      if (headers?.code === 503) this.#onNobody(lane);
      // Any participant may send it, and any number of times.
      this.#refuse();
      return;
    }
    if (!this.#isOfPeer(lane, data)) return;
    const kind = data[0];
    if (kind === Kind.Echo || kind === Kind.Echoed) {
      // A message without a number can be repeated by anyone. It has an effect only in the handshake.
      this.#refuse();
      if (kind === Kind.Echoed) this.#handshake?.onEchoed(lane);
      else if (this.#handshake !== undefined) this.#outgoing[lane].tellUnnumbered(Kind.Echoed);
      return;
    }
    const arrival = this.#arrivals.judge(lane, data);
    if (arrival === 'seen') this.#refuse();
    else if (arrival !== 'next') this.fail(arrival);
    else this.#onNumbered(lane, kind, data);
  }

  #onNumbered(lane: Lane, kind: number | undefined, message: Uint8Array): void {
    this.#health?.onHeard();
    if (kind !== Kind.Data) {
      if (lane === Lane.Prompt) this.#onTold(kind, message.subarray(this.#bodyStart));
      else this.#violate(`a message of kind ${kind ?? 0} on the bulk lane`);
    } else if (!this.#arrivals.take(lane, message)) this.#violate('more than this side had granted');
    if (lane === Lane.Prompt) this.#arrivals.takeEarly();
    if (this.#peerGoodbye !== undefined) this.#takeGoodbye();
  }

  #onTold(kind: number | undefined, body: Uint8Array): void {
    switch (kind) {
      case Kind.Credit:
        this.#onCredit(body);
        break;
      case Kind.Ping:
        // An answer is never queued: a peer that asks and does not read gets none.
        if (this.#parts.ends[0].lease.session.hasRoom) this.#outgoing[0].tell(Kind.Pong, body.subarray(0, PING_BYTES));
        break;
      case Kind.Pong:
        this.#health?.onPong(body);
        break;
      case Kind.Goodbye:
        this.#peerGoodbye = decodeGoodbye(body);
        if (this.#peerGoodbye === undefined) this.#violate('a goodbye without a number');
        break;
      case Kind.GoodbyeTaken:
        this.#onGoodbyeTaken?.();
        break;
      case Kind.Fault:
        this.#finish(decodeFault(body, 'ConnectionClosed'));
        break;
      case Kind.Ready:
        this.#handshake?.onReady();
        break;
      default:
        this.#violate(`a message of the unknown kind ${kind ?? 0}`);
    }
  }

  #onCredit(body: Uint8Array): void {
    const grants = decodeGrants(body, this.#outgoing[0].credit, this.#outgoing[1].credit);
    if (grants === undefined) {
      this.#violate('an impossible grant');
      return;
    }
    const [prompt, bulk] = this.#outgoing;
    prompt.grant(grants[0]);
    bulk.grant(grants[1]);
    this.#sayGoodbye();
    this.onWritable();
  }

  /** The peer said goodbye. The messages before it may all have arrived. */
  #takeGoodbye(): void {
    const last = this.#peerGoodbye;
    if (last === undefined || this.#end !== undefined) return;
    if (!this.#arrivals.hasAllOf(last)) return;
    this.#peerGoodbye = undefined;
    this.#outgoing[0].tell(Kind.GoodbyeTaken);
    // This side's own goodbye is on its way, and the peer takes it before it ends.
    if (this.#goodbye === 'not meant') this.#finish(undefined);
  }

  #sayGoodbye(): void {
    const [prompt, bulk] = this.#outgoing;
    if (this.#goodbye !== 'due' || !prompt.isEmpty || !bulk.isEmpty) return;
    this.#goodbye = 'said';
    prompt.tell(Kind.Goodbye, encodeGoodbye(bulk.number));
  }

  /** Whether a message comes from the peer and is well formed. If not, it is refused. */
  #isOfPeer(lane: Lane, message: Uint8Array): boolean {
    const { seals } = this.#parts;
    const isRight =
      message.length >= this.#bodyStart &&
      message[1] === lane &&
      message[2] === 0 &&
      message[3] === 0 &&
      seals?.incoming.isRight(message) !== false;
    if (isRight) return true;
    // Only a secret distinguishes the peer's messages from those of others.
    if (seals === undefined) this.#violate('a message that this protocol does not define');
    else this.#refuse();
    return false;
  }

  /**
   * Counts a message that is forged, repeated or empty. It has no effect. A flood of such messages ends only this link.
   */
  #refuse(): void {
    this.#refused += 1;
    if (this.#refused <= MAX_REFUSED) return;
    const reason = `more than ${MAX_REFUSED} forged, repeated or empty messages came within heartbeat.intervalMs`;
    this.fail(new NetworkError('InvalidMessage', reason));
  }

  #violate(what: string): void {
    this.fail(new NetworkError('InvalidMessage', `the peer sent ${what}`));
  }

  #onNobody(lane: Lane): void {
    if (this.#handshake !== undefined) this.#handshake.onNobody(lane);
    else this.#health?.onNobody();
  }

  /** The peer is gone. Its messages on the other lane may still be on their way through the other NATS connection. */
  #onGone(): void {
    this.#health?.stop();
    const reason = 'the peer is gone: it unsubscribed without a goodbye, or its NATS connection ended';
    void this.#parts.ends[Lane.Bulk].lease.session.flush().then(() => {
      this.#finish(new NetworkError('PeerDied', reason));
    });
  }

  /** Returns the error of a silent peer, or of a silent NATS server if that does not answer either. */
  #silence(timeoutMs: number): NetworkError {
    const silent = this.#parts.ends.find(({ lease }) => lease.session.isSilent);
    if (silent !== undefined) return brokenErrorOf(silenceOf(timeoutMs), silent.lease.session.where);
    return new NetworkError('PeerDied', `no sign of life from the peer for ${timeoutMs} ms (heartbeat.timeoutMs)`);
  }

  #onUnpublished(): void {
    const { session } = this.#parts.ends[0].lease;
    const reason = session.isBroken
      ? `the NATS connection to ${session.where} ended`
      : `the NATS server at ${session.where} takes no message of this length: its max_payload was lowered`;
    this.#finish(new NetworkError('TransportUnavailable', reason));
  }

  /** Ends the link. An error after the first one is a consequence of it. */
  #finish(error: NetworkError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#stop();
    const handshake = this.#handshake;
    this.#handshake = undefined;
    if (handshake !== undefined) handshake.onEnded(error ?? new NetworkError('HandshakeFailed', 'the peer left'));
    else if (this.#arrivals.isReceiving) this.#tellEnd();
  }

  #stop(): void {
    this.#health?.stop();
    this.#leaveExit();
    for (const lane of this.#outgoing) lane.stop();
    this.#onGoodbyeTaken?.();
  }

  #tellEnd(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.onEnd(this.#end?.error);
  }
}
