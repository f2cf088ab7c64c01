import type { ChannelStats } from '../api/channel.js';
import type { NetworkError } from '../result/network-error.js';
import { IncomingHalfOf } from './incoming-half.js';
import type { SendOutcome } from './message-line.js';
import { OutgoingHalfOf } from './outgoing-half.js';

/** Returns the outcome of waiting messages if the connection ends for this reason. */
export function outcomeOf(error: NetworkError): SendOutcome {
  return error.code === 'PeerDied' ? 'peer-died' : 'closed';
}

/** The receiving half of a channel. */
export type IncomingHalf = IncomingHalfOf<Channel>;

/** The sending half of a channel. */
export type OutgoingHalf = OutgoingHalfOf<Channel>;

/** One channel: a name and its two halves. Each half starts and ends independently. */
export class Channel {
  /** Undefined for the default channel. */
  readonly name: string | undefined;
  /** The half on which this side sends. A new half replaces it when the peer refuses the channel. */
  outgoing: OutgoingHalf;
  /** The half on which the peer sends. */
  readonly incoming: IncomingHalf;
  /**
   * Whether both sides have closed it. Then its ids are free, and its name belongs to the next channel that is opened.
   */
  isOver = false;
  /** Whether an object holds this channel by more than its name. Then another channel must not take its consumer. */
  isShared = false;
  /** The callbacks of the calls that wait until both sides have closed it. */
  closeWaiters: Set<(outcome: SendOutcome) => void> | undefined;

  constructor(name: string | undefined) {
    this.name = name;
    this.outgoing = new OutgoingHalfOf<Channel>(this);
    this.incoming = new IncomingHalfOf<Channel>(this);
  }

  /** Whether this side may send on it. */
  get isOpen(): boolean {
    return this.outgoing.phase === 'open';
  }

  /** Whether one side has begun to close it, and not both have finished. */
  get isClosing(): boolean {
    const { phase } = this.outgoing;
    // The peer may acknowledge the close of this side before it has sent its last messages and its own close.
    return !this.isOver && (this.incoming.isEnded || (phase !== 'none' && phase !== 'open'));
  }

  /** Whether no frame can come or go any more: both sides closed it, and the peer has acknowledged that. */
  get isFinished(): boolean {
    const { phase } = this.outgoing;
    return this.incoming.isEnded && (phase === 'over' || phase === 'none');
  }

  /** Replaces the outgoing half that the peer refused. */
  renewOutgoing(): void {
    this.outgoing = new OutgoingHalfOf<Channel>(this);
  }

  /** Returns the counters of both halves, for monitoring. */
  stats(): ChannelStats {
    const { messagesSent, bytesSent, credit, waitingCount } = this.outgoing;
    const unreadFrames = this.incoming.parkedCount;
    return Object.freeze({ messagesSent, bytesSent, sendWindow: credit, waitingMessages: waitingCount, unreadFrames });
  }

  /** Resets the state of the link. The consumer stays. */
  reset(): void {
    this.renewOutgoing();
    this.incoming.reset();
    this.closeWaiters = undefined;
  }
}
