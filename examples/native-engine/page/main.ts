import { requestReply } from '@entropynet/messaging';
import { WebSocketConnection } from '@entropynet/transport-ws/browser';
import { type Confirmation, FEED, NUMBERS_OF_OBJECT, type Order } from '../src/protocol.js';
import './page.css';

/** The scene reaches from -100 to 100; a margin keeps the dots inside the canvas. */
const REACH = 110;
const DOT = 6;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const status = element('status');
const connection = new WebSocketConnection(`ws://${location.host}${FEED}`);
const connected = await connection.connect();
if (!connected.ok) status.textContent = connected.error.message;
else await Promise.all([showFrames(), takeChanges()]);

async function showFrames(): Promise<void> {
  status.textContent = 'live';
  let newest: Float32Array | undefined;
  try {
    for await (const message of connection.messages()) {
      // The page draws once for all frames that came since the last drawing.
      const isDue = newest !== undefined;
      newest = new Float32Array(message.slice().buffer);
      if (isDue) continue;
      requestAnimationFrame(() => {
        if (newest !== undefined) draw(newest);
        newest = undefined;
      });
    }
    status.textContent = 'the editor has ended';
  } catch (error) {
    status.textContent = String(error);
  }
}

function draw(picture: Float32Array): void {
  const canvas = element<HTMLCanvasElement>('scene');
  const context = canvas.getContext('2d');
  if (context === null) return;
  const objects = Math.floor((picture.length - 1) / NUMBERS_OF_OBJECT);
  element('number').textContent = String(picture[0]);
  element('objects').textContent = String(objects);
  element<HTMLInputElement>('object').max = String(objects - 1);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = getComputedStyle(canvas).color;
  const scale = canvas.width / (2 * REACH);
  for (let object = 0; object < objects; object += 1) {
    const [x = 0, y = 0, opacity = 0] = picture.subarray(1 + object * NUMBERS_OF_OBJECT);
    context.globalAlpha = opacity;
    context.fillRect((x + REACH) * scale - DOT / 2, (y + REACH) * scale - DOT / 2, DOT, DOT);
  }
}

async function takeChanges(): Promise<void> {
  const reply = element('reply');
  const opened = await requestReply<Order, Confirmation>(connection);
  if (!opened.ok) {
    reply.textContent = opened.error.message;
    return;
  }
  element<HTMLFormElement>('change').addEventListener('submit', (event) => {
    event.preventDefault();
    const order = {
      object: element<HTMLInputElement>('object').valueAsNumber,
      opacity: element<HTMLInputElement>('opacity').valueAsNumber,
    };
    void opened.value.request(order).then((answer) => {
      reply.textContent = answer.ok ? confirmedAfter(answer.value.frames) : answer.error.message;
    });
  });
}

function confirmedAfter(frames: number): string {
  return `confirmed after ${frames} ${frames === 1 ? 'frame' : 'frames'}`;
}
