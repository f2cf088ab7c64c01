import cliProgress from 'cli-progress';
import { formatBytes, type Terminal } from './terminal.js';

/** A bar on a terminal; nothing elsewhere. */
export class Progress {
  readonly #bar: cliProgress.SingleBar | undefined;
  readonly #start = performance.now();
  readonly #from: number;

  /** @param from how many bytes are there already */
  constructor(terminal: Terminal, name: string, total: number, from: number) {
    this.#from = from;
    if (!terminal.errors.isTTY) return;
    this.#bar = new cliProgress.SingleBar(
      {
        format: `{name} {bar} {percentage} % {done} of {size}, {rate}/s`,
        stream: terminal.errors,
        hideCursor: true,
        clearOnComplete: true,
      },
      cliProgress.Presets.shades_classic,
    );
    this.#bar.start(Math.max(total, 1), from, { name, size: formatBytes(total), ...this.#figures(from) });
  }

  /** So many bytes are there now. */
  update(bytes: number): void {
    this.#bar?.update(bytes, this.#figures(bytes));
  }

  stop(): void {
    this.#bar?.stop();
  }

  #figures(bytes: number): { done: string; rate: string } {
    const seconds = Math.max((performance.now() - this.#start) / 1000, 0.001);
    return { done: formatBytes(bytes), rate: formatBytes(Math.round((bytes - this.#from) / seconds)) };
  }
}
