import cliProgress from 'cli-progress';
import { monotonicNow } from '@entropynet/core/platform';
import { type TransferPhase, type TransferProgress } from '@entropynet/streams/files';
import { columnsOf, fitted, widthOf } from './columns.js';
import { formatBytes, type Terminal } from './terminal.js';

const MAX_BAR = 40;
const MIN_BAR = 5;
const MIN_NAME = 8;

/** A progress bar for each phase of a transfer, on terminals only. */
export class Progress implements Disposable {
  readonly #terminal: Terminal;
  #bar: cliProgress.SingleBar | undefined;
  #phase = '';
  #start = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Shows the progress of a transfer. */
  show({ name, phase, done, total, from }: TransferProgress): void {
    if (!this.#terminal.errors.isTTY) return;
    if (phase !== this.#phase) this.#begin(phase);
    const seconds = Math.max((monotonicNow() - this.#start) / 1000, 0.001);
    const rate = formatBytes(Math.round((done - from) / seconds));
    const line: BarLine = { name: TITLES[phase](name), done, total, rate };
    if (this.#bar === undefined) {
      this.#bar = this.#makeBar();
      this.#bar.start(Math.max(total, 1), done, line);
    } else {
      this.#bar.setTotal(Math.max(total, 1));
      this.#bar.update(done, line);
    }
  }

  /** Removes the bar. */
  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #begin(phase: TransferPhase): void {
    this[Symbol.dispose]();
    this.#phase = phase;
    this.#start = monotonicNow();
  }

  #makeBar(): cliProgress.SingleBar {
    const { errors } = this.#terminal;
    return new cliProgress.SingleBar({
      format: (_options, _parameters, line: BarLine) => barLine(line, columnsOf(errors)),
      stream: errors,
      hideCursor: true,
      clearOnComplete: true,
    });
  }
}

const TITLES: Readonly<Record<TransferPhase, (name: string) => string>> = {
  checking: (name) => `checking ${name}`,
  'other side checking': (name) => `other side checks ${name}`,
  moving: (name) => name,
};

interface BarLine {
  readonly name: string;
  readonly done: number;
  readonly total: number;
  readonly rate: string;
}

/**
 * Returns one line that is not wider than `columns`. Percentage and rate always stay. The bar, the sizes and the name
 * are shortened, in this order.
 */
export function barLine({ name, done, total, rate }: BarLine, columns: number): string {
  const percent = `${Math.floor((total === 0 ? 1 : done / total) * 100)} %`.padStart(5);
  // The last column stays empty, because some terminals begin a new line after it.
  const room = columns - 1;
  const figures = `${percent} ${formatBytes(done)} of ${formatBytes(total)}, ${rate}/s`;
  const right = figures.length + 1 + MIN_NAME <= room ? figures : `${percent} ${rate}/s`;
  const title = fitted(name, Math.max(room - right.length - 1, 0));
  const bar = Math.min(MAX_BAR, room - widthOf(title) - right.length - 2);
  if (bar < MIN_BAR) return `${title} ${right}`.trimStart();
  const filled = Math.round((total === 0 ? 1 : done / total) * bar);
  return `${title} ${'█'.repeat(filled)}${'░'.repeat(bar - filled)} ${right}`;
}
