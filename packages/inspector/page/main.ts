import { jsonCodec, toTypedPort } from '@entropynet/messaging';
import { WebSocketConnection } from '@entropynet/transport-ws/browser';
import type { InspectorState } from '@entropynet/inspector';
import { render } from 'lit-html';
import { History } from './history.js';
import './page.css';
import { pageOf, type Status } from './view.js';

/** How long after the feed broke it is tried again, in milliseconds. */
const PATIENCE_MS = 1000;

const root = document.querySelector<HTMLElement>('#page')!;
const token = new URLSearchParams(location.search).get('token') ?? '';
const history = new History();
let state: InspectorState | undefined;
let status: Status = { isLive: false, text: 'connecting …' };

function draw(): void {
  render(pageOf(state, status, history), root);
}

/** Shows what comes until the feed ends; returns why it did. */
async function follow(): Promise<string> {
  const connection = new WebSocketConnection({ endpoint: `ws://${location.host}/feed`, secret: token });
  const connected = await connection.connect();
  if (!connected.ok) return connected.error.message;
  status = { isLive: true, text: 'live' };
  try {
    for await (const next of toTypedPort<InspectorState>(connection, { codec: jsonCodec() })) {
      state = next;
      history.add(next);
      draw();
    }
    return 'the inspector has ended';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function main(): Promise<never> {
  for (;;) {
    const reason = await follow();
    status = { isLive: false, text: `not live: ${reason}` };
    draw();
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  }
}

root.replaceChildren();
// The token is needed once; it must not stay where a screenshot shows it.
window.history.replaceState(undefined, '', location.pathname);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
draw();
void main();
