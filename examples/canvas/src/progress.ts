import { performance } from 'node:perf_hooks';

const WIDTH = 24;

/** The upload of one run: a bar on a terminal, one line at the end elsewhere. On standard error, which `--json` leaves free. */
export class Progress {
  readonly #title: string;
  readonly #isTerminal = process.stderr.isTTY;
  #startedAt: number | undefined;
  #seconds = 0;
  #sent = 0;
  #total = 0;
  #shownPercent = -1;

  constructor(title: string) {
    this.#title = title;
  }

  /** The first call, with nothing sent, starts the clock. */
  show(sent: number, total: number): void {
    this.#startedAt ??= performance.now();
    this.#seconds = (performance.now() - this.#startedAt) / 1000;
    this.#sent = sent;
    this.#total = total;
    const percent = total === 0 ? 100 : Math.floor((sent * 100) / total);
    if (this.#isTerminal && percent !== this.#shownPercent) this.#draw(percent);
  }

  /** Takes an unfinished bar away, so that an error has the line to itself. */
  clear(): void {
    if (this.#isTerminal) process.stderr.write('\r\u001b[K');
  }

  /** All arrived. */
  done(): void {
    if (this.#isTerminal) {
      this.#draw(100);
      process.stderr.write('\n');
    } else process.stderr.write(`${this.#title}: 100 % of ${megabytes(this.#total)} MB, ${this.#rate()}\n`);
  }

  #draw(percent: number): void {
    this.#shownPercent = percent;
    const bar = '█'.repeat(Math.round((percent * WIDTH) / 100)).padEnd(WIDTH, '░');
    const percentage = `${String(percent).padStart(3)} %`;
    process.stderr.write(`\r${this.#title.padEnd(26)}  ${bar}  ${percentage}  ${this.#rate().padStart(9)}\u001b[K`);
  }

  #rate(): string {
    return `${this.#sent === 0 ? 0 : (this.#sent / 1e6 / this.#seconds).toFixed(0)} MB/s`;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
