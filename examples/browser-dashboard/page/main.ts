import { jsonCodec, requestReply, toTypedPort } from '@entropynet/messaging';
import { WebSocketConnection } from '@entropynet/transport-ws/browser';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { FEED, type Frame, frameSchema, type Order, type Settings } from '../src/protocol.js';
import './page.css';

const MOST_FRAMES = 300;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const status = element('status');
const connection = new WebSocketConnection(`ws://${location.host}${FEED}`);
const connected = await connection.connect();
if (!connected.ok) status.textContent = connected.error.message;
else await Promise.all([showFrames(), takeOrders()]);

async function showFrames(): Promise<void> {
  status.textContent = 'live';
  const numbers: number[] = [];
  const times: number[] = [];
  let plot = plotOf([numbers, times]);
  // A canvas does not follow the page's colours by itself.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    plot.destroy();
    plot = plotOf([numbers, times]);
  });
  // One drawing for all that came since the last one.
  let isDue = false;
  const draw = (): void => {
    isDue = false;
    plot.setData([numbers, times]);
    element('number').textContent = String(numbers.at(-1) ?? '–');
    element('milliseconds').textContent = times.at(-1)?.toFixed(2) ?? '–';
    const above = times.filter((time) => time > highestOf(times));
    element('above').textContent =
      above.length === 0 ? '' : `${above.length} above the plot, up to ${Math.max(...above).toFixed(1)} ms`;
  };
  try {
    for await (const { number, milliseconds } of toTypedPort<Frame>(connection, {
      codec: jsonCodec(),
      schema: frameSchema,
    })) {
      numbers.push(number);
      times.push(milliseconds);
      if (numbers.length > MOST_FRAMES) {
        numbers.shift();
        times.shift();
      }
      if (!isDue) requestAnimationFrame(draw);
      isDue = true;
    }
    status.textContent = 'the engine has ended';
  } catch (error) {
    status.textContent = String(error);
  }
}

function plotOf(data: [number[], number[]]): uPlot {
  const style = getComputedStyle(document.body);
  const grid = { stroke: colorOf('--grid'), width: 1 };
  const axis = { stroke: style.color, grid, ticks: grid };
  const height = 220;
  const options: uPlot.Options = {
    width: Math.min(innerWidth - 32, 800),
    height,
    // The page says the newest numbers above the plot.
    legend: { show: false },
    scales: { x: { time: false }, y: { range: () => [0, highestOf(data[1])] } },
    axes: [
      { ...axis, label: 'frame' },
      { ...axis, label: 'milliseconds a frame', size: 60 },
    ],
    series: [{}, { stroke: colorOf('--curve'), width: 1.5 }],
  };
  return new uPlot(options, data, element('plot'));
}

/** The top of the plot: above nearly all frames, so that one slow frame does not press the others flat. */
function highestOf(times: readonly number[]): number {
  const sorted = [...times].sort((left, right) => left - right);
  return Math.max(0.1, (sorted[Math.floor(sorted.length * 0.98)] ?? 0) * 1.25);
}

/** A custom property as a canvas takes colours: without the choice between light and dark. */
function colorOf(property: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

async function takeOrders(): Promise<void> {
  const opened = await requestReply<Order, Settings>(connection);
  if (!opened.ok) {
    element('reply').textContent = opened.error.message;
    return;
  }
  let settings: Settings = { particles: 0, isPaused: false };
  const ask = async (order: Order): Promise<void> => {
    const reply = await opened.value.request(order);
    if (reply.ok) settings = reply.value;
    element('reply').textContent = reply.ok ? `${settings.particles} particles` : reply.error.message;
    element('pause').textContent = settings.isPaused ? 'Go on' : 'Pause';
  };
  element<HTMLFormElement>('orders').addEventListener('submit', (event) => {
    event.preventDefault();
    void ask({ particles: element<HTMLInputElement>('particles').valueAsNumber });
  });
  element('pause').addEventListener('click', () => void ask({ isPaused: !settings.isPaused }));
  await ask({});
}
