import { NetworkError } from '../result/network-error.js';
import { decodeUint32, FrameType } from '../wire/frame.js';
import { MAX_CHANNEL_NAME_BYTES, shownChannel } from './channel-name.js';
import type { Channel } from './channel.js';
import type { ChannelTable } from './channel-table.js';
import type { MessageSender } from './message-sender.js';
import { ownedBytes } from './owned-bytes.js';

/** The limits of the configuration for the receiver. */
export interface ReceiverLimits {
  readonly maxMessageSize: number;
  readonly channelWindow: number;
  readonly maxChannels: number;
}

/** Receives the reports about channels. */
export interface ChannelReceiverEvents {
  /** The peer broke the protocol or exceeded a limit: the connection must fail. */
  onViolation(error: NetworkError): void;
  /** There is no memory for a message whose frames waited. They are dropped, and the connection must fail. */
  onShortage(error: NetworkError): void;
  /** The peer opened a channel that was not open. */
  onChannelOpened(name: string): void;
  /** The peer refused a channel that this side opened. */
  onChannelRefused(error: NetworkError): void;
  /** The peer sends nothing more on the channel. The program can still read the messages that have arrived. */
  onChannelClosed(channel: Channel): void;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Handles the peer's control frames: open, refuse, close, and window updates. */
export class ChannelReceiver {
  readonly #channels: ChannelTable;
  readonly #maxChannels: number;
  readonly #sender: MessageSender;
  readonly #events: ChannelReceiverEvents;

  constructor(channels: ChannelTable, maxChannels: number, sender: MessageSender, events: ChannelReceiverEvents) {
    this.#channels = channels;
    this.#maxChannels = maxChannels;
    this.#sender = sender;
    this.#events = events;
  }

  /** Handles one frame that is no part of a message. */
  receive(type: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    switch (type) {
      case FrameType.ChannelOpen:
        this.#onOpen(id, bytes, start, end);
        break;
      case FrameType.ChannelRefuse:
        this.#onRefusal(id);
        break;
      case FrameType.WindowUpdate:
      case FrameType.DroppedWindow:
        this.#onCredit(id, bytes, start, end, type === FrameType.WindowUpdate);
        return;
      case FrameType.ChannelClose:
        this.#onClose(id);
        break;
      case FrameType.ChannelClosed:
        this.#onAcknowledgement(id);
        return;
      default:
        this.#violated(`a frame of the unknown type ${type}`);
        return;
    }
    if (this.#sender.lifecycle.isFlooded) {
      this.#events.onViolation(
        new NetworkError(
          'ResourceLimitExceeded',
          'the peer opens and closes channels without reading the answers: too many of them wait',
        ),
      );
    }
  }

  #onOpen(id: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start < 1 || end - start > MAX_CHANNEL_NAME_BYTES) {
      this.#violated(`a channel name of ${end - start} bytes`);
      return;
    }
    let name: string;
    try {
      // The decoder gets a copy, because it reads its input more than once and a peer may change shared bytes in
      // between.
      name = decoder.decode(ownedBytes(bytes, start, end, false));
    } catch {
      this.#violated('a channel name that is not UTF-8');
      return;
    }
    const known = this.#channels.find(name);
    const isNew = known === undefined || known.isOver || known.outgoing.phase === 'none';
    if (isNew && this.#hasNoPlace) {
      if (this.#channels.refuse(id)) this.#sender.lifecycle.refuse(id);
      else this.#violated(`channel id ${id} out of turn`);
      return;
    }
    const channel = this.#channels.obtainLive(name);
    const outcome = this.#channels.bind(channel, id);
    if (outcome === 'bound') {
      if (!isNew) return;
      if (this.#sender.lifecycle.announce(channel)) this.#events.onChannelOpened(name);
    } else {
      this.#violated(outcome === 'opened-twice' ? `a second opening of a channel` : `channel id ${id} out of turn`);
    }
  }

  get #hasNoPlace(): boolean {
    const { openCount, boundCount, hasFreeId, closed } = this.#channels;
    return Math.max(openCount, boundCount) >= this.#maxChannels || !hasFreeId || closed.isFull;
  }

  #onRefusal(id: number): void {
    const half = id === 0 ? undefined : this.#channels.outgoing(id);
    const channel = half?.channel;
    // The peer can refuse only a channel that it has not opened itself, and only once.
    if (channel === undefined || channel.outgoing !== half || channel.incoming.id !== -1) {
      this.#violated(`a refusal of channel ${id}, which can't be refused`);
      return;
    }
    this.#sender.lifecycle.onRefused(channel);
    this.#events.onChannelRefused(
      new NetworkError(
        'ResourceLimitExceeded',
        `the peer refused ${shownChannel(channel.name)}: its maxChannels is reached, or it has too many unread messages on closed channels`,
      ),
    );
  }

  #onCredit(id: number, bytes: Uint8Array, start: number, end: number, wasTaken: boolean): void {
    const half = this.#channels.outgoing(id);
    const credit = end - start === 4 ? decodeUint32(bytes, start) : 0;
    if (half === undefined || credit === 0) {
      this.#violated(`a window update of ${end - start} bytes for channel ${id}`);
    } else if (!this.#sender.onCredit(half, credit, wasTaken)) {
      this.#violated('a window update for more bytes than were sent');
    }
  }

  #onClose(id: number): void {
    const channel = this.#channels.incoming(id)?.channel;
    if (!this.#sender.lifecycle.canClose || !this.#channels.endIncoming(id)) {
      this.#violated(`a close of channel ${id}, which is not open`);
      return;
    }
    this.#sender.lifecycle.onPeerClosed(id, channel);
    if (channel !== undefined) this.#events.onChannelClosed(channel);
  }

  #onAcknowledgement(id: number): void {
    if (!this.#sender.lifecycle.onAcknowledged(id)) {
      this.#violated(`an acknowledgement for channel ${id}, which was not closed`);
    }
  }

  #violated(what: string): void {
    this.#events.onViolation(new NetworkError('InvalidMessage', `the peer broke the protocol: it sent ${what}`));
  }
}
