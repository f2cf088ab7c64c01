import { columnsOf, fitted } from './columns.js';

/** Lines on a terminal. Each drawing replaces the one before it. */
export class Drawing {
  readonly #stream: NodeJS.WriteStream;
  readonly #advice: string;
  #lines = 0;

  /** @param advice what shows the lines for which the terminal has too few rows */
  constructor(stream: NodeJS.WriteStream, advice = '') {
    this.#stream = stream;
    this.#advice = advice;
  }

  /** Draws the lines that fit on the terminal, because lines that have scrolled away can't be drawn again. */
  draw(lines: readonly string[]): void {
    // A terminal that does not know its rows reports 0.
    const most = Math.max((this.#stream.rows || 24) - 2, 1);
    const shown = lines.slice(0, most);
    if (lines.length > most) shown.push(`… ${lines.length - most} lines more${this.#advice}`);
    // The last column stays empty, because some terminals begin a new line after it.
    const room = columnsOf(this.#stream) - 1;
    this.remove();
    this.#stream.write(shown.map((line) => `${fitted(line, room)}\n`).join(''));
    this.#lines = shown.length;
  }

  /** Removes the last drawing. */
  remove(): void {
    if (this.#lines > 0) this.#stream.write(`\u001b[${this.#lines}A\u001b[J`);
    this.#lines = 0;
  }
}
