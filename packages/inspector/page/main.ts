import { jsonCodec, toTypedPort } from '@entropynet/messaging';
import { WebSocketConnection } from '@entropynet/transport-ws/browser';
import type { InspectorState } from '@entropynet/inspector';
import { render } from 'lit-html';
import { History } from './history.js';
import './page.css';
import { pageOf, type Status } from './view.js';

/** How long after the feed broke it is tried again, in milliseconds. */
const PATIENCE_MS = 1000;

/** The longest message of the feed, in bytes; the server has the same limit. */
const MOST_STATE_BYTES = 64 * 1024 * 1024;

/** Where the tab remembers its token. */
const TOKEN_KEY = 'entropynet-inspector-token';

const root = document.querySelector<HTMLElement>('#page')!;
const token = readToken();
const history = new History();
let state: InspectorState | undefined;
let status: Status = { isLive: false, text: 'connecting …' };

/**
 * The token of the address, or of this tab before it was reloaded. The session's storage belongs to this tab and this
 * origin, its port included. A cookie would go to every server of this machine, whatever its port.
 */
function readToken(): string {
  const given = new URLSearchParams(location.search).get('token');
  if (given !== null) sessionStorage.setItem(TOKEN_KEY, given);
  return given ?? sessionStorage.getItem(TOKEN_KEY) ?? '';
}

/** While it is paused, states go on into the history; what is shown stays. */
let isPaused = false;
let shown: InspectorState | undefined;

function draw(): void {
  if (!isPaused) shown = state;
  const togglePause = (): void => {
    isPaused = !isPaused;
    draw();
  };
  render(pageOf(shown, status, history, { isPaused, togglePause, redraw: draw }), root);
}

/** Shows what comes until the feed ends; returns why it did. */
async function follow(): Promise<string> {
  if (token === '') return 'this tab has no token; open the whole address that was printed';
  const endpoint = `ws://${location.host}/feed`;
  const connection = new WebSocketConnection({ endpoint, secret: token, maxMessageSize: MOST_STATE_BYTES });
  const connected = await connection.connect();
  if (!connected.ok) {
    const { code, message } = connected.error;
    return code === 'HandshakeFailed' ? `${message}; open the whole address that was printed` : message;
  }
  status = { isLive: true, text: 'live' };
  try {
    for await (const next of toTypedPort<InspectorState>(connection, { codec: jsonCodec() })) {
      state = next;
      history.add(next);
      draw();
    }
    return 'the inspector has ended';
  } catch (error) {
    return (error as Partial<Error> | null | undefined)?.message ?? String(error);
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
