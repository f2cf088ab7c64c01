import type { ChannelStats } from '../api/channel.js';
import type { NetworkError } from '../result/network-error.js';
import { IncomingHalfOf } from './incoming-half.js';
import type { SendOutcome } from './message-line.js';
import { OutgoingHalfOf } from './outgoing-half.js';

/** How waiting messages end when the connection ends for this reason. */
export function outcomeOf(error: NetworkError): SendOutcome {
  return error.code === 'PeerDied' ? 'peer-died' : 'closed';
}

/** The receiving half of a channel. */
export type IncomingHalf = IncomingHalfOf<Channel>;

/** The sending half of a channel. */
export type OutgoingHalf = OutgoingHalfOf<Channel>;

/** One channel: a name and its two halves, which live and end by themselves. */
export class Channel {
  /** Undefined for the default channel. */
  readonly name: string | undefined;
  /** What this side sends. Another one takes its place when the peer refuses the channel. */
  outgoing: OutgoingHalf;
  /** What the peer sends. */
  readonly incoming: IncomingHalf;
  /** Whether both sides have closed it: its ids are free, and the name belongs to the next channel that is opened. */
  isOver = false;
  /** Whether somebody holds on to this channel beyond its name, so that another one must not take its consumer. */
  isShared = false;
  /** Who waits for both sides to have closed it. */
  closeWaiters: ((outcome: SendOutcome) => void)[] | undefined;

  constructor(name: string | undefined) {
    this.name = name;
    this.outgoing = new OutgoingHalfOf<Channel>(this);
    this.incoming = new IncomingHalfOf<Channel>(this);
  }

  /** Whether this side may send on it. */
  get isOpen(): boolean {
    return this.outgoing.phase === 'open';
  }

  /** Whether either side has begun to close it, and not both have finished. */
  get isClosing(): boolean {
    return (
      !this.isOver && (this.incoming.isEnded || this.outgoing.phase === 'closing' || this.outgoing.phase === 'closed')
    );
  }

  /** Whether nothing can come or go on it any more: both sides closed it, and the peer has acknowledged that. */
  get isFinished(): boolean {
    const { phase } = this.outgoing;
    return this.incoming.isEnded && (phase === 'over' || phase === 'none');
  }

  /** Another outgoing half takes the place of the one that the peer refused. */
  renewOutgoing(): void {
    this.outgoing = new OutgoingHalfOf<Channel>(this);
  }

  /** What both halves count, for monitoring. */
  stats(): ChannelStats {
    const { messagesSent, bytesSent, credit, waitingCount } = this.outgoing;
    const unreadFrames = this.incoming.parked.length;
    return Object.freeze({ messagesSent, bytesSent, sendWindow: credit, waitingMessages: waitingCount, unreadFrames });
  }

  /** Forgets everything that belongs to a link; the consumer stays. */
  reset(): void {
    this.renewOutgoing();
    this.incoming.reset();
    this.closeWaiters = undefined;
  }
}
