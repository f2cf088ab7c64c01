import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

/** Writes lines into files of a limited size, one after the other: `app-1.log`, `app-2.log` and so on. */
export class RotatingFile {
  /** The paths of all files so far, in order. */
  readonly paths: string[] = [];
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #onReady: () => void;
  readonly #onError: (error: Error) => void;
  #stream: WriteStream | undefined;
  #bytes = 0;
  /** The last file, until it is written. */
  #previous: Promise<void> | undefined;
  #isFull = false;

  /**
   * @param onReady called when `write` may go on after it returned false
   * @param onError a file could not be written; nothing is written any more
   */
  constructor(folder: string, maxBytes: number, onReady: () => void, onError: (error: Error) => void) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#onReady = onReady;
    this.#onError = onError;
  }

  /** Takes a line, whose bytes are the file's from here on; false: write no more until `onReady`. */
  write(line: Uint8Array): boolean {
    if (this.#stream !== undefined && this.#bytes + line.length > this.#maxBytes) this.#rotate(this.#stream);
    this.#stream ??= this.#open();
    this.#bytes += line.length;
    if (!this.#stream.write(line)) this.#isFull = true;
    return this.#mayGoOn();
  }

  /** Resolves when everything is in the files. */
  async close(): Promise<void> {
    await this.#previous;
    this.#stream?.end();
    if (this.#stream !== undefined) await finished(this.#stream);
  }

  #mayGoOn(): boolean {
    return !this.#isFull && this.#previous === undefined;
  }

  #open(): WriteStream {
    const path = join(this.#folder, `app-${this.paths.length + 1}.log`);
    this.paths.push(path);
    const stream = createWriteStream(path, { flags: 'wx' });
    stream.on('error', this.#onError);
    stream.on('drain', () => {
      this.#isFull = false;
      if (this.#mayGoOn()) this.#onReady();
    });
    return stream;
  }

  /** A disk that is slower than the lines must not pile up files: the next one waits until this one is written. */
  #rotate(stream: WriteStream): void {
    stream.removeAllListeners('drain').end();
    this.#stream = undefined;
    this.#bytes = 0;
    this.#isFull = false;
    const written = finished(stream).then(() => {
      this.#previous = undefined;
      if (this.#mayGoOn()) this.#onReady();
    });
    this.#previous = written;
    // `onError` has heard of it.
    written.catch(() => undefined);
  }
}
