import type { NetworkError } from '../result/network-error.js';
import type { MessageCallback, MessageOwnership } from '../api/connection-types.js';
import { Fifo } from './fifo.js';

/** How waiting messages end when the connection ends for this reason. */
export function outcomeOf(error: NetworkError): SendOutcome {
  return error.code === 'PeerDied' ? 'peer-died' : 'closed';
}

/** A message, or the rest of one, that waits in a channel for room or for window. */
export interface QueuedMessage {
  /** What is not sent yet when it is queued; nobody else writes to it. */
  bytes: Uint8Array;
  /** Whether `bytes` is of the queue's `WaitingCopies`, to be given back there. */
  isCopy: boolean;
  /** The next of these bytes to send, when the message is cut into fragments. */
  offset: number;
  /** Of the whole message, in bytes. */
  readonly length: number;
  /** Whether its first frame was accepted: from then on the peer must be told when it is given up. */
  isStarted: boolean;
  /** When it times out (`performance.now()` milliseconds); Infinity once `trySend` promised to deliver it. */
  readonly deadline: number;
  /** Tells the sender; undefined where `trySend` has told it already. */
  readonly settle: ((outcome: SendOutcome) => void) | undefined;
}

/** How a queued message ended. */
export type SendOutcome = 'accepted' | 'timed-out' | 'aborted' | 'closed' | 'peer-died';

/** A frame that arrived while nobody could take it: the receiver's own copy. */
export interface ParkedFrame {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A message whose fragments are arriving. */
export interface Reassembly {
  /** Room for what has arrived, and the message itself in the end. */
  bytes: Uint8Array;
  /** How long the message will be. */
  readonly total: number;
  received: number;
}

/**
 * Both directions of one channel: plain state that the sender and the receiver of a connection work on. One class with
 * all fields set by the constructor, so that every channel has the same hidden class on the message path.
 */
export class Channel {
  /** Undefined for the default channel. */
  readonly name: string | undefined;

  // --- Sending. ---
  /** The id under which this side announces and uses the channel; -1 while this side has none. */
  localId = -1;
  /** Whether the peer has been told of `localId`. */
  isAnnounced = false;
  /** Window bytes that may still be sent. */
  credit = 0;
  /** Messages and their bytes that the transport has taken whole since the link stood. */
  messagesSent = 0;
  bytesSent = 0;
  /** Window bytes that the peer has given back since the link stood. */
  returnedCredit = 0;
  /** When as many have come back, the marked messages are confirmed; -1: no mark is set. See `noteCredit`. */
  markedCredit: number = -1;
  markedMessages = 0;
  markedBytes = 0;
  confirmedMessages = 0;
  confirmedBytes = 0;
  /** What waits to be sent, oldest first. */
  readonly queue = new Fifo<QueuedMessage>();
  /** Whether the peer must be told that a started message was given up. */
  owesAbort = false;
  /** Whether a `trySend` was refused since the last `drain`. */
  owesDrain = false;

  // --- Receiving. ---
  /** The id under which the peer sends on the channel; -1 while it has none. */
  remoteId = -1;
  callback: MessageCallback | null = null;
  callbackIsAsync = false;
  ownership: MessageOwnership = 'copy';
  /** Whether `message` listeners take messages too (default channel only). */
  hasListeners = false;
  /** Window bytes that arrived and were not given back. */
  outstanding = 0;
  /** Window bytes that were consumed and are to be given back. */
  owedCredit = 0;
  /** Frames that wait for a callback, in order. */
  readonly parked = new Fifo<ParkedFrame>();
  reassembly: Reassembly | undefined;
  /** Whether a delivery of parked frames is scheduled. */
  isUnparking = false;

  constructor(name: string | undefined) {
    this.name = name;
  }

  /** Whether a message that arrives now can be handed over at once. */
  get canDeliver(): boolean {
    return (this.callback !== null || this.hasListeners) && this.parked.length === 0;
  }

  /** Whether this side may send on it. */
  get isOpen(): boolean {
    return this.localId >= 0;
  }

  /** Forgets everything that belongs to a link; callbacks stay, they are the user's. */
  reset(): void {
    this.localId = -1;
    this.isAnnounced = false;
    this.credit = 0;
    this.messagesSent = 0;
    this.bytesSent = 0;
    this.returnedCredit = 0;
    this.markedCredit = -1;
    this.confirmedMessages = 0;
    this.confirmedBytes = 0;
    this.queue.clear();
    this.owesAbort = false;
    this.owesDrain = false;
    this.remoteId = -1;
    this.outstanding = 0;
    this.owedCredit = 0;
    this.parked.clear();
    this.reassembly = undefined;
  }
}
