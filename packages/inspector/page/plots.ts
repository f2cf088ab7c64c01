import { directive, AsyncDirective } from 'lit-html/async-directive.js';
import { noChange } from 'lit-html';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock, duration, perSecond, rate } from './format.js';
import type { Sample } from './history.js';

const HEIGHT = 130;

interface Curve {
  readonly label: string;
  /** A custom property of the page's style. */
  readonly color: string;
  readonly value: (sample: Sample) => number | null;
}

/** The contents of a plot. */
export interface PlotKind {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly format: (value: number) => string;
  /** The allowed steps between the marks of the axis; by default round decimal numbers. */
  readonly steps?: number[];
}

/** Round steps for bytes. */
const POWERS_OF_TWO = Array.from({ length: 50 }, (_value, exponent) => 2 ** exponent);

export const RATES: PlotKind = {
  title: 'bytes a second',
  curves: [
    { label: 'sent', color: '--curve-a', value: ({ sent }) => sent },
    { label: 'received', color: '--curve-b', value: ({ received }) => received },
  ],
  format: rate,
  steps: POWERS_OF_TWO,
};

export const MESSAGE_RATES: PlotKind = {
  title: 'messages a second',
  curves: [
    { label: 'sent', color: '--curve-a', value: ({ messagesSent }) => messagesSent },
    { label: 'received', color: '--curve-b', value: ({ messagesReceived }) => messagesReceived },
  ],
  format: perSecond,
};

export const RING_RATES: PlotKind = {
  ...RATES,
  curves: [
    { label: 'to client', color: '--curve-a', value: ({ sent }) => sent },
    { label: 'to server', color: '--curve-b', value: ({ received }) => received },
  ],
};

export const WAITING: PlotKind = {
  title: 'time under way',
  curves: [
    { label: 'to client', color: '--curve-a', value: ({ waitingToClient }) => waitingToClient },
    { label: 'to server', color: '--curve-b', value: ({ waitingToServer }) => waitingToServer },
  ],
  format: duration,
};

export const ROUND_TRIP: PlotKind = {
  title: 'round trip of a ping',
  curves: [{ label: 'round trip', color: '--curve-b', value: ({ roundTrip }) => roundTrip }],
  format: duration,
};

/** A plot that lives as long as its element. It is drawn again when the colours of the page change. */
class Plot extends AsyncDirective {
  #host: HTMLElement | undefined;
  #plot: uPlot | undefined;
  #theme = '';
  #observer: ResizeObserver | undefined;

  override render(_kind: PlotKind, _samples: readonly Sample[]): unknown {
    return this.#host ?? noChange;
  }

  override update(_part: unknown, [kind, samples]: [PlotKind, readonly Sample[]]): unknown {
    this.#host ??= document.createElement('div');
    const theme = colorOf('--text');
    const data: uPlot.AlignedData = [
      samples.map(({ at }) => at),
      ...kind.curves.map(({ value }) => samples.map(value)),
    ] as uPlot.AlignedData;
    if (this.#plot === undefined || theme !== this.#theme) {
      this.#plot?.destroy();
      this.#theme = theme;
      this.#plot = new uPlot(this.#optionsOf(kind), data, this.#host);
      this.#observer ??= new ResizeObserver(() => {
        this.#fit();
      });
      this.#observer.observe(this.#host);
    } else this.#plot.setData(data);
    // Without a pointer over the plot the legend shows the newest values, so it is never empty.
    if (this.#plot.cursor.idx === null || this.#plot.cursor.idx === undefined)
      this.#plot.setLegend({ idx: samples.length - 1 }, false);
    return this.#host;
  }

  override disconnected(): void {
    this.#observer?.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #fit(): void {
    const width = this.#host?.clientWidth ?? 0;
    if (width > 0) this.#plot?.setSize({ width, height: HEIGHT });
  }

  #optionsOf({ title, curves, format, steps }: PlotKind): uPlot.Options {
    const line = { stroke: colorOf('--line'), width: 1 };
    const axis = { stroke: colorOf('--text-soft'), grid: line, ticks: line };
    return {
      title,
      width: this.#host?.clientWidth || 300,
      height: HEIGHT,
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_plot, _least, most) => [0, Math.max(most, Number.EPSILON) * 1.1] } },
      hooks: {
        setCursor: [
          (plot) => {
            if (plot.cursor.idx === null) plot.setLegend({ idx: plot.data[0].length - 1 }, false);
          },
        ],
      },
      axes: [
        { ...axis, space: 80, values: (_plot, splits) => splits.map((at) => clock(at * 1000)) },
        {
          ...axis,
          size: 88,
          space: 24,
          ...(steps !== undefined && { incrs: steps }),
          values: (_plot, splits) => splits.map(format),
        },
      ],
      series: [
        { label: 'at', value: (_plot: uPlot, at: number | null) => (at === null ? '–' : clock(at * 1000)) },
        ...curves.map((curve) => ({
          label: curve.label,
          stroke: colorOf(curve.color),
          width: 1.5,
          points: { show: false },
          value: (_plot: uPlot, value: number | null) => (value === null ? '–' : format(value)),
        })),
      ],
    };
  }
}

/** Returns a custom property as a colour for a canvas, which does not know `light-dark()`. */
function colorOf(property: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** The plot of some samples, for a template. */
export const plot = directive(Plot);
