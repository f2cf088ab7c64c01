import type { NetworkError, PeerLimits, ResolvedConnectionConfig } from '@entropynet/core';
import type { Seals } from './message-seal.js';
import type { Lane } from './nats-protocol.js';
import type { ReceiveShare } from './receive-budget.js';
import type { SessionLease } from './session-pool.js';

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
