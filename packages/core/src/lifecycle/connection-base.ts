import type { Channel } from '../api/channel.js';
import type { Connection } from '../api/connection.js';
import type { ConnectionPeer } from '../api/connection-peer.js';
import type { ConnectionEvents } from '../api/connection-events.js';
import type {
  CloseReason,
  ConnectionBackend,
  ConnectionState,
  ConnectionStats,
  ConnectionType,
  InPlaceCallbackOptions,
  InPlaceMessageCallback,
  InPlaceWriter,
  MessageCallback,
  MessageCallbackOptions,
  MessagesOptions,
  StateCallback,
  UnconfirmedSends,
} from '../api/connection-types.js';
import type { SendClaim } from '../api/send-claim.js';
import { checkChannelName } from '../channels/channel-name.js';
import type { ChannelObject } from '../channels/channel-object.js';
import { checkOptions, faultOfOptions, SIGNAL_OPTION } from '../config/call-options.js';
import { EntropyObject } from '../object/entropy-object.js';
import { RESOLVED_OK, type Failure, type Result } from '../result/result.js';
import type { GuardedEmitter } from './guarded-emitter.js';

// The name is checked later: there, a name that is not a string gives a `TypeError`.
const CHANNEL_OPTION = { channel: 'anything' } as const;
const MESSAGES_OPTIONS = { ...CHANNEL_OPTION, ...SIGNAL_OPTION };

/**
 * The common part of connection and handle: the methods of `Connection` that call a method of a channel. `Connection`
 * describes each member.
 */
export abstract class ConnectionBase<Events extends ConnectionEvents = ConnectionEvents>
  extends EntropyObject
  implements Connection
{
  abstract readonly defaultChannel: Channel;
  abstract get closed(): Promise<CloseReason>;
  abstract channels(): Channel[];
  abstract connect(options?: { readonly signal?: AbortSignal }): Promise<Result>;
  abstract disconnect(options?: { readonly signal?: AbortSignal }): Promise<Result>;
  abstract get wasAccepted(): boolean;
  abstract getState(): ConnectionState;
  abstract getType(): ConnectionType | undefined;
  abstract getBackend(): ConnectionBackend | undefined;
  abstract get peer(): ConnectionPeer;
  abstract get roundTripMs(): number | undefined;
  abstract getStats(): ConnectionStats;
  abstract unconfirmedSends(): UnconfirmedSends;
  abstract wouldBlockCount(): number;
  abstract supportsMultipleChannels(): boolean;
  abstract isShuttingDown(): boolean;
  abstract startReceiving(): void;
  abstract sendUnreliable(data: Uint8Array): Promise<Result>;
  abstract ref(): void;
  abstract unref(): void;
  abstract [Symbol.asyncDispose](): Promise<void>;

  /** The listeners. */
  protected abstract readonly events: GuardedEmitter<Events>;

  /** Returns the channel of that name, if the program has used it or one side has opened it. */
  protected abstract findChannel(name: string): ChannelObject | undefined;
  /** Returns the channel of a valid name, and creates it if needed. */
  protected abstract obtainChannel(name: string): ChannelObject;
  /** Returns the error for sending on an unknown channel. */
  protected abstract unknownChannel(name: string): Failure;

  channel(name: string): Channel {
    return this.channelNamed(name).give();
  }

  /** Returns the object of `channel()`, for calls by name and for a layer above connections. The program does not get it. */
  channelNamed(name: string): ChannelObject {
    const known = this.findChannel(name);
    if (known?.isOpen === true) return known;
    const checked = checkChannelName(name);
    if (!checked.ok) throw new RangeError(checked.error.message);
    return this.obtainChannel(name);
  }

  send(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result> {
    return this.defaultChannel.send(data, options);
  }

  trySend(data: Uint8Array): Result {
    return this.defaultChannel.trySend(data);
  }

  trySendBatch(messages: readonly Uint8Array[], options?: { readonly channel?: string }): Result<number> {
    const fault = faultOfOptions('trySendBatch()', options, CHANNEL_OPTION);
    if (fault !== undefined) return { ok: false, error: fault };
    const name = options?.channel;
    if (name === undefined) return this.defaultChannel.trySendBatch(messages);
    return this.findChannel(name)?.trySendBatch(messages) ?? this.unknownChannel(name);
  }

  trySendWith(length: number, write: InPlaceWriter): Result {
    return this.defaultChannel.trySendWith(length, write);
  }

  claim(length: number): Result<SendClaim> {
    return this.defaultChannel.claim(length);
  }

  messages(options?: MessagesOptions): AsyncIterableIterator<Uint8Array, undefined> {
    checkOptions('messages()', options, MESSAGES_OPTIONS);
    const channel = options?.channel === undefined ? this.defaultChannel : this.channelNamed(options.channel);
    return channel.messages({ signal: options?.signal });
  }

  setMessageCallback(callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  setMessageCallback(callback: InPlaceMessageCallback | null, options: InPlaceCallbackOptions): void;
  setMessageCallback(callback: unknown, options?: unknown): void {
    this.defaultChannel.setMessageCallback(callback as MessageCallback | null, options as MessageCallbackOptions);
  }

  setStateCallback(callback: StateCallback | null): void {
    this.events.setCallback('state', callback);
  }

  openChannel(name: string, options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const checked = checkSignalled('openChannel()', name, options);
    return checked.ok ? this.channelNamed(name).open(options) : Promise.resolve(checked);
  }

  closeChannel(name: string, options?: { readonly signal?: AbortSignal }): Promise<Result> {
    const checked = checkSignalled('closeChannel()', name, options);
    return checked.ok ? (this.findChannel(name)?.close(options) ?? RESOLVED_OK) : Promise.resolve(checked);
  }

  isChannelOpen(name: string): boolean {
    return this.findChannel(name)?.isOpen ?? false;
  }

  sendOnChannel(name: string, data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Result> {
    return this.findChannel(name)?.send(data, options) ?? Promise.resolve(this.unknownChannel(name));
  }

  trySendOnChannel(name: string, data: Uint8Array): Result {
    return this.findChannel(name)?.trySend(data) ?? this.unknownChannel(name);
  }

  setChannelMessageCallback(name: string, callback: MessageCallback | null, options?: MessageCallbackOptions): void;
  setChannelMessageCallback(
    name: string,
    callback: InPlaceMessageCallback | null,
    options: InPlaceCallbackOptions,
  ): void;
  setChannelMessageCallback(name: string, callback: unknown, options?: unknown): void {
    this.channelNamed(name).setMessageCallback(callback as MessageCallback | null, options as MessageCallbackOptions);
  }

  isConnected(): boolean {
    return this.getState() === 'connected';
  }

  /** Adds a listener. Throws a `TypeError` for an unknown event. */
  on<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  on<E extends keyof Events>(event: E, listener: Events[E]): this;
  on(event: keyof Events, listener: unknown): this {
    return this.#add(event, listener, false);
  }

  /** Adds a listener that is called once. */
  once<E extends keyof ConnectionEvents>(event: E, listener: ConnectionEvents[E]): this;
  once<E extends keyof Events>(event: E, listener: Events[E]): this;
  once(event: keyof Events, listener: unknown): this {
    return this.#add(event, listener, true);
  }

  /** Removes a listener. Without one, removes all listeners of the event that `on` and `once` have added. */
  off<E extends keyof ConnectionEvents>(event: E, listener?: ConnectionEvents[E]): this;
  off<E extends keyof Events>(event: E, listener?: Events[E]): this;
  off(event: keyof Events, listener?: unknown): this {
    if (event === 'message') this.defaultChannel.off('message', listener as ConnectionEvents['message'] | undefined);
    else this.events.remove(event, listener);
    return this;
  }

  /** Adds a listener for a library: `off(event)` without a listener does not remove it. Returns its remover. */
  subscribe<E extends Exclude<keyof ConnectionEvents, 'message' | 'error'>>(
    event: E,
    listener: ConnectionEvents[E],
  ): () => void {
    return this.events.subscribe(event, listener);
  }

  #add(event: keyof Events, listener: unknown, isOnce: boolean): this {
    if (event !== 'message') this.events.add(event, listener, isOnce);
    else if (isOnce) this.defaultChannel.once('message', listener as ConnectionEvents['message']);
    else this.defaultChannel.on('message', listener as ConnectionEvents['message']);
    return this;
  }
}

/** Checks a channel's name and the options of a call that has only a signal. */
function checkSignalled(call: string, name: string, options: { readonly signal?: AbortSignal } | undefined): Result {
  const checked = checkChannelName(name);
  const fault = checked.ok ? faultOfOptions(call, options, SIGNAL_OPTION) : undefined;
  return fault === undefined ? checked : { ok: false, error: fault };
}
