import { type FrameLink, NetworkError, type PeerLimits } from '@entropynet/core';
import { flushAtExit } from '@entropynet/core/platform';
import type { Msg } from '@nats-io/nats-core';
import { Arrivals } from './arrivals.js';
import { connectionKeyOf } from './connection-key.js';
import { Goodbyes } from './goodbyes.js';
import { encodeGrants } from './lane-messages.js';
import { silenceError } from './link-errors.js';
import { LinkHealth, PING_BYTES } from './link-health.js';
import type { LinkHandshake, LinkParts, NatsLinkReceiver } from './link-parts.js';
import { NatsFrameWriter } from './nats-frame-writer.js';
import { CODE_BYTES, decodeFault, encodeFault, HEADER_BYTES, Kind, Lane, laneSubject } from './nats-protocol.js';
import type { SessionMember } from './session-member.js';
import { grantWindows, outgoingLanes, type OutgoingLanes, takeRefusal } from './outgoing-lanes.js';
import { isOfPeer, RefusedMessages } from './refused-messages.js';

/** The link of a connection over NATS: two lanes in each direction, signs of life, and an explicit end. */
export class NatsLink implements FrameLink, SessionMember {
  readonly writer: NatsFrameWriter;
  readonly peerLimits: PeerLimits;

  readonly #parts: LinkParts;
  readonly #outgoing: OutgoingLanes;
  readonly #arrivals: Arrivals;
  readonly #bodyStart: number;
  readonly #leaveExit: () => void;
  #handshake: LinkHandshake | undefined;
  #receiver: NatsLinkReceiver | undefined;
  #end: { readonly error: NetworkError | undefined } | undefined;
  #isReleased = false;
  readonly #goodbyes: Goodbyes;
  #health: LinkHealth | undefined;
  readonly #refused = new RefusedMessages();

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.#handshake = parts.handshake;
    this.peerLimits = parts.peerLimits;
    const { ends, seals } = parts;
    this.#outgoing = outgoingLanes(parts, (error) => {
      if (error.code === 'ResourceLimitExceeded') this.fail(error);
      else this.#finish(error);
    });
    this.writer = new NatsFrameWriter(...this.#outgoing);
    this.#bodyStart = HEADER_BYTES + (seals === undefined ? 0 : CODE_BYTES);
    this.#arrivals = new Arrivals([ends[0].share, ends[1].share], this.#bodyStart, {
      takeFrame: (header, bytes, start, end, isOwned) => {
        this.#receiver?.onFrame(header, bytes, start, end, isOwned);
      },
      isOver: () => this.#isReleased,
      onWrong: (error) => {
        this.fail(error);
      },
      onRenewed: (lane, bytes) => {
        // After the end this side grants no window. It still delivers the held data.
        if (this.#end === undefined) this.#outgoing[0].tell(Kind.Credit, encodeGrants(lane, bytes));
      },
    });
    this.#goodbyes = new Goodbyes(this.#outgoing, this.#arrivals);
    // Last, and in this order: if a step before them throws, nobody else has the link.
    this.#leaveExit = flushAtExit(this);
    for (const { lease } of ends) lease.session.add(this);
  }

  /** The round trip of the last answered ping, in milliseconds; undefined before the first answer. */
  get roundTripMs(): number | undefined {
    return this.#health?.roundTripMs;
  }

  /** The text that is the same at both ends of the connection. */
  get key(): string {
    return connectionKeyOf(this.#parts.ownBase, this.#parts.peerBase);
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
      findReason: () => silenceError(this.#parts.ends, config.nats.heartbeat.timeoutMs),
      onSilent: (reason) => {
        this.#finish(reason);
      },
      onBeat: () => {
        this.#refused.reset();
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
    const taken = this.#goodbyes.mean();
    this.writer.flush();
    this.#goodbyes.say();
    return taken;
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
    if (takeRefusal(this.#outgoing)) this.#receiver?.onWritable();
  }

  /** Handles a message on this side's subject of a lane. Never throws, because that would lose the message. */
  take(lane: Lane, { data, headers }: Msg): void {
    if (this.#end !== undefined) return;
    if (data.length === 0) {
      if (headers?.code === 503) {
        if (this.#handshake !== undefined) this.#handshake.onNobody(lane);
        else this.#health?.onNobody();
      }
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
    if (this.#end === undefined && this.#goodbyes.take()) this.#finish(undefined);
  }

  #onTold(kind: number | undefined, body: Uint8Array): void {
    switch (kind) {
      case Kind.Credit:
        if (!grantWindows(this.#outgoing, body)) this.#violate('an impossible grant');
        else {
          this.#goodbyes.say();
          this.onWritable();
        }
        break;
      case Kind.Ping:
        this.#outgoing[0].answer(Kind.Pong, body.subarray(0, PING_BYTES));
        break;
      case Kind.Pong:
        this.#health?.onPong(body);
        break;
      case Kind.Goodbye:
        if (!this.#goodbyes.onGoodbye(body)) this.#violate('a goodbye without a number');
        break;
      case Kind.GoodbyeTaken:
        this.#goodbyes.onTaken();
        break;
      case Kind.Fault:
        this.#finish(decodeFault(body));
        break;
      case Kind.Ready:
        this.#handshake?.onReady();
        break;
      default:
        this.#violate(`a message of the unknown kind ${kind ?? 0}`);
    }
  }

  /** Whether a message comes from the peer and is well formed. If not, it is refused. */
  #isOfPeer(lane: Lane, message: Uint8Array): boolean {
    const { seals } = this.#parts;
    if (isOfPeer(message, lane, this.#bodyStart, seals)) return true;
    // Only a secret distinguishes the peer's messages from those of others.
    if (seals === undefined) this.#violate('a message that this protocol does not define');
    else this.#refuse();
    return false;
  }

  /** Counts a message that has no effect. */
  #refuse(): void {
    const flood = this.#refused.add();
    if (flood !== undefined) this.fail(flood);
  }

  #violate(what: string): void {
    this.fail(new NetworkError('InvalidMessage', `the peer sent ${what}`));
  }

  /** The peer is gone. Its messages on the other lane may still be on their way through the other NATS connection. */
  #onGone(): void {
    this.#health?.stop();
    const reason = 'the peer is gone: it unsubscribed without a goodbye, or its NATS connection ended';
    void this.#parts.ends[Lane.Bulk].lease.session.flush().then(() => {
      this.#finish(new NetworkError('PeerDied', reason));
    });
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
    this.#goodbyes.stop();
  }

  #tellEnd(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.onEnd(this.#end?.error);
  }
}
