import {
  type Channel,
  describeThrown,
  NetworkError,
  OK,
  type Result,
  sendShortage,
  shortageOf,
} from '@entropynet/core';
import { END, ESCAPE } from './control-message.js';
import { type Chunk, Pieces } from './pieces.js';

type Done = (error?: NetworkError) => void;

/** Longer chunks are cut, so that this side writes a piece while the peer reads the one before. */
const MOST_PIECE_BYTES = 65_536;

/** Writes bytes and control messages on a channel, one call at a time, in the way of a Writable. */
export class OutgoingBytes {
  readonly #channel: Channel;
  /**
   * Returns the reason why no message can be sent. It is called before each message, so that no byte goes to a later
   * connection.
   */
  readonly #failure: () => NetworkError | undefined;
  #pieceBytes = MOST_PIECE_BYTES;
  /** Whether the escape of a control message was sent and the control message waits for room. */
  #isEscaped = false;
  /** The call that waits for room. */
  #blocked: { readonly resume: () => void; readonly done: Done } | undefined;
  /** The number of bytes that the transport has taken. */
  bytesSent = 0;

  constructor(channel: Channel, failure: () => NetworkError | undefined) {
    this.#channel = channel;
    this.#failure = failure;
  }

  /** Sends chunks in order, and joins short ones. */
  write(chunks: readonly Chunk[], done: Done): void {
    this.#writePieces(new Pieces(chunks), done);
  }

  /** Tells the peer that no bytes follow. */
  end(done: Done): void {
    const sent = this.#trySendControl(END);
    if (sent.ok) done();
    else
      this.#waitOrFail(sent.error, done, () => {
        this.end(done);
      });
  }

  /** The channel has room, or no message can be sent any more: the waiting call continues. */
  resume(): void {
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.resume();
  }

  /** The stream is destroyed: the waiting call ends. */
  abort(): void {
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.done(new NetworkError('Aborted', 'the stream was destroyed'));
  }

  /**
   * Sends a control message after all written bytes.
   * @param isPatient whether to wait without a limit for a peer that reads nothing; if not, the limit is the
   * connection's `sendTimeoutMs`
   */
  async sendControl(control: Uint8Array, isPatient: boolean): Promise<void> {
    if (this.#trySendControl(control).ok) return;
    for (const message of this.#isEscaped ? [control] : [ESCAPE, control]) {
      let sent = await this.#send(message);
      // A message that timed out was not sent.
      while (!sent.ok && sent.error.code === 'Timeout' && isPatient) sent = await this.#send(message);
      if (!sent.ok) return;
      // The control message of a later call may follow the escape of this one, but no second escape may.
      this.#isEscaped = message === ESCAPE;
    }
  }

  #writePieces(pieces: Pieces, done: Done): void {
    const error = this.#sendPieces(pieces);
    if (error === undefined) done();
    else
      this.#waitOrFail(error, done, () => {
        this.#writePieces(pieces, done);
      });
  }

  /** Sends the pieces for which there is room. Returns the error of the first one that was not sent. */
  #sendPieces(pieces: Pieces): NetworkError | undefined {
    try {
      for (let piece = pieces.next(this.#pieceBytes); piece !== undefined; piece = pieces.next(this.#pieceBytes)) {
        const sent = this.#trySend(piece);
        if (sent.ok) {
          pieces.advance(piece.length);
          this.bytesSent += piece.length;
        } else if (sent.error.code === 'MessageTooLarge' && this.#pieceBytes > 1) this.#pieceBytes >>>= 1;
        else return sent.error;
      }
      return undefined;
    } catch (error) {
      // The stream would never learn it: the exception of an event's listener does not reach it.
      if (shortageOf(error) !== undefined) return sendShortage(error);
      return new NetworkError('InvalidParameter', `a written chunk can't be read: ${describeThrown(error)}`, error);
    }
  }

  #trySendControl(control: Uint8Array): Result {
    const escaped = this.#isEscaped ? OK : this.#trySend(ESCAPE);
    this.#isEscaped = escaped.ok;
    const sent = escaped.ok ? this.#trySend(control) : escaped;
    if (sent.ok) this.#isEscaped = false;
    return sent;
  }

  #waitOrFail(error: NetworkError, done: Done, resume: () => void): void {
    if (error.code !== 'WouldBlock') done(error);
    else this.#blocked = { resume, done };
  }

  #trySend(message: Uint8Array): Result {
    const error = this.#failure();
    return error === undefined ? this.#channel.trySend(message) : { ok: false, error };
  }

  #send(message: Uint8Array): Promise<Result> {
    const error = this.#failure();
    return error === undefined ? this.#channel.send(message) : Promise.resolve({ ok: false, error });
  }
}
