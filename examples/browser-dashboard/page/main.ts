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
  const plot = new uPlot(
    {
      width: Math.min(innerWidth - 32, 800),
      height: 200,
      scales: { x: { time: false } },
      axes: [{ stroke: '#888' }, { stroke: '#888' }],
      series: [{ label: 'frame' }, { label: 'ms', stroke: '#2a78d6' }],
    },
    [numbers, times],
    element('plot'),
  );
  // One drawing for all that came since the last one.
  let isDue = false;
  const draw = (): void => {
    isDue = false;
    plot.setData([numbers, times]);
    element('number').textContent = String(numbers.at(-1) ?? '–');
    element('milliseconds').textContent = times.at(-1)?.toFixed(2) ?? '–';
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

async function takeOrders(): Promise<void> {
  const opened = await requestReply<Order, Settings>(connection);
  if (!opened.ok) return;
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
