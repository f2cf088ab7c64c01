import type { SpareMemory } from './spare-memory.js';

const NO_BYTES = new Uint8Array(0);

/** How a queued message ended. */
export type SendOutcome = 'accepted' | 'timed-out' | 'aborted' | 'closed' | 'channel-closed' | 'peer-died';

/** A message, or the rest of one, that waits in a channel for room or for window. */
export class QueuedMessage {
  /** The next byte of `bytes` to send, if the message is cut into fragments. */
  offset = 0;
  /**
   * Whether the transport accepted its first frame. From then on the peer must learn if this side gives the message up.
   */
  isStarted = false;
  /** Its neighbours and its place in a `MessageLine`. Only that line changes them. */
  previous: QueuedMessage | undefined;
  next: QueuedMessage | undefined;
  isInLine = false;
  /** The bytes that are not sent yet. */
  #bytes: Uint8Array;
  #memory: SpareMemory | undefined;
  /** The length of `bytes`. It reads 0 after the program has transferred the memory of a claim. */
  #end: number;

  /**
   * @param bytes the bytes that are not sent yet
   * @param memory takes the memory of `bytes` back; undefined if it belongs to the caller
   * @param length the length of the whole message, in bytes
   * @param deadline the time of its timeout, in monotonic milliseconds; Infinity after its sender was promised delivery
   * @param settle gives the sender its result; undefined if the sender has it already
   */
  constructor(
    bytes: Uint8Array,
    memory: SpareMemory | undefined,
    readonly length: number,
    readonly deadline: number,
    readonly settle: ((outcome: SendOutcome) => void) | undefined,
  ) {
    this.#bytes = bytes;
    this.#memory = memory;
    this.#end = bytes.length;
  }

  /** Makes a message whose sender was promised delivery, and of which no byte was sent. */
  static promised(bytes: Uint8Array, memory?: SpareMemory): QueuedMessage {
    return new QueuedMessage(bytes, memory, bytes.length, Infinity, undefined);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The number of bytes in `bytes`. */
  get end(): number {
    return this.#end;
  }

  /** Whether the program has transferred the memory of a claim that it had committed. */
  get isLost(): boolean {
    return this.#bytes.length < this.#end;
  }

  /** Continues with the bytes that are not sent yet, in other memory. */
  moveTo(rest: Uint8Array, memory: SpareMemory): void {
    this.#bytes = rest;
    this.#memory = memory;
    this.#end = rest.length;
    this.offset = 0;
  }

  /** Gives the memory of the message back. From now on `bytes` is empty: V8 may keep a message that has left for long. */
  release(): void {
    this.#memory?.release(this.#bytes);
    this.#bytes = NO_BYTES;
    this.#end = 0;
  }
}

/**
 * The messages that wait on one channel, oldest first. A linked list, because senders give messages up in any order and
 * each removal must take constant time.
 */
export class MessageLine {
  #head: QueuedMessage | undefined;
  #tail: QueuedMessage | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The oldest message. It stays in the line. */
  get head(): QueuedMessage | undefined {
    return this.#head;
  }

  /** The messages, oldest first. */
  toArray(): QueuedMessage[] {
    const messages: QueuedMessage[] = [];
    for (let message = this.#head; message !== undefined; message = message.next) messages.push(message);
    return messages;
  }

  /** Adds a message at the end. */
  push(message: QueuedMessage): void {
    message.previous = this.#tail;
    if (this.#tail === undefined) this.#head = message;
    else this.#tail.next = message;
    this.#tail = message;
    message.isInLine = true;
    this.#length += 1;
  }

  /** Adds a message before the others, none of which has started. */
  pushFirst(message: QueuedMessage): void {
    message.next = this.#head;
    if (this.#head === undefined) this.#tail = message;
    else this.#head.previous = message;
    this.#head = message;
    message.isInLine = true;
    this.#length += 1;
  }

  /** Removes a message of this line. Returns false if it has left already. */
  remove(message: QueuedMessage): boolean {
    if (!message.isInLine) return false;
    const { previous, next } = message;
    if (previous === undefined) this.#head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    message.previous = undefined;
    message.next = undefined;
    message.isInLine = false;
    this.#length -= 1;
    return true;
  }
}
