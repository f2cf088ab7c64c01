/**
 * Computes from the returned window how much of a channel's messages the peer has certainly taken. That adds no work to
 * a message and no byte to the link. When window comes back, it sets one mark at a time. After all window that was
 * spent before the mark has come back, the messages before the mark are confirmed. So the result lags by up to two
 * windows.
 */
export class SendConfirmation {
  messages = 0;
  bytes = 0;
  /** The window bytes that the peer has returned. */
  #returned = 0;
  /** The value of `#returned` at which the marked messages are confirmed; -1 if no mark is set. */
  #mark = -1;
  #markedMessages = 0;
  #markedBytes = 0;

  /**
   * The peer returned window.
   * @param returned bytes of the window that came back
   * @param spent bytes of the window that are still out
   * @param messagesSent messages sent so far
   * @param bytesSent payload bytes sent so far
   */
  noteCredit(returned: number, spent: number, messagesSent: number, bytesSent: number): void {
    this.#returned += returned;
    if (this.#mark >= 0 && this.#returned >= this.#mark) {
      this.messages = this.#markedMessages;
      this.bytes = this.#markedBytes;
      this.#mark = -1;
    }
    if (this.#mark < 0) {
      this.#mark = this.#returned + spent;
      this.#markedMessages = messagesSent;
      this.#markedBytes = bytesSent;
    }
  }
}
