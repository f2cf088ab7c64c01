/**
 * How much of what was sent on a channel the peer has taken for certain, from the window that it gives back: that costs
 * no message anything, and no byte on the way. One mark at a time is set when window comes back; when all that was spent
 * by then has come back, what was sent before the mark is confirmed. So it lags by up to two windows.
 */
export class SendConfirmation {
  messages = 0;
  bytes = 0;
  /** Window bytes that the peer has given back. */
  #returned = 0;
  /** When as many have come back, the marked messages are confirmed; -1: no mark is set. */
  #mark = -1;
  #markedMessages = 0;
  #markedBytes = 0;

  /**
   * The peer gave back window.
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
