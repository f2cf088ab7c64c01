/** How a queued message ended. */
export type SendOutcome = 'accepted' | 'timed-out' | 'aborted' | 'closed' | 'channel-closed' | 'peer-died';

/** A message, or the rest of one, that waits in a channel for room or for window. */
export class QueuedMessage {
  /** The next of `bytes` to send, when the message is cut into fragments. */
  offset = 0;
  /** Whether its first frame was accepted: from then on the peer must learn when it is given up. */
  isStarted = false;
  /** Its neighbours and its place in a `MessageLine`; that line's alone. */
  previous: QueuedMessage | undefined;
  next: QueuedMessage | undefined;
  isInLine = false;

  /**
   * @param bytes what is not sent yet; nobody else writes to it
   * @param isCopy whether `bytes` is of the queue's `WaitingCopies`, to be given back there
   * @param length of the whole message, in bytes
   * @param deadline when it times out, in monotonic milliseconds; Infinity once its sender was promised delivery
   * @param settle tells the sender; undefined where the sender has its result already
   */
  constructor(
    public bytes: Uint8Array,
    public isCopy: boolean,
    readonly length: number,
    readonly deadline: number,
    readonly settle: ((outcome: SendOutcome) => void) | undefined,
  ) {}

  /** A message whose sender was promised delivery, of which nothing was sent. */
  static promised(bytes: Uint8Array): QueuedMessage {
    return new QueuedMessage(bytes, false, bytes.length, Infinity, undefined);
  }
}

/**
 * The messages that wait on one channel, oldest first. A linked list: any message can leave in constant time, however
 * many wait, as senders give up in any order.
 */
export class MessageLine {
  #head: QueuedMessage | undefined;
  #tail: QueuedMessage | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The oldest message, left in place. */
  get head(): QueuedMessage | undefined {
    return this.#head;
  }

  /** The messages, oldest first. */
  toArray(): QueuedMessage[] {
    const messages: QueuedMessage[] = [];
    for (let message = this.#head; message !== undefined; message = message.next) messages.push(message);
    return messages;
  }

  push(message: QueuedMessage): void {
    message.previous = this.#tail;
    if (this.#tail === undefined) this.#head = message;
    else this.#tail.next = message;
    this.#tail = message;
    message.isInLine = true;
    this.#length += 1;
  }

  /** Takes a message of this line out; false where it has left already. */
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
