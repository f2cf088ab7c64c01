const WIDTH = 30;

/** A progress bar on a terminal's last line; silent where standard error is not a terminal. */
export class ProgressBar {
  readonly #title: string;
  #lastPercent = -1;

  constructor(title: string) {
    this.#title = title;
  }

  show(sent: number, total: number): void {
    const percent = total === 0 ? 100 : Math.floor((sent * 100) / total);
    if (!process.stderr.isTTY || percent === this.#lastPercent) return;
    this.#lastPercent = percent;
    const filled = Math.round((percent * WIDTH) / 100);
    const bar = '█'.repeat(filled).padEnd(WIDTH, '░');
    process.stderr.write(`\r${this.#title.padEnd(26)} ${bar} ${String(percent).padStart(3)} %`);
  }

  /** Clears the line. */
  done(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}
