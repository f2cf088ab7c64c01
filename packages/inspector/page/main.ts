import { jsonCodec, toTypedPort } from '@entropynet/messaging';
import { WebSocketConnection } from '@entropynet/transport-ws/browser';
import type { InspectorState } from '@entropynet/inspector';
import { render } from 'lit-html';
import { History } from './history.js';
import './page.css';
import { pageOf, type Status } from './view.js';

/** The pause before the page connects to a broken feed again, in milliseconds. */
const PATIENCE_MS = 1000;

/** The longest message of the feed, in bytes; the server has the same limit. */
const MOST_STATE_BYTES = 64 * 1024 * 1024;

/** The key under which the tab stores its token. */
const TOKEN_KEY = 'entropynet-inspector-token';

const root = document.querySelector<HTMLElement>('#page')!;
const token = readToken();
const history = new History();
let state: InspectorState | undefined;
let status: Status = { isLive: false, text: 'connecting …' };

/**
 * Returns the token in the address, or the one that this tab stored before a reload. The session storage belongs to
 * this tab and this origin, including the port. A cookie would go to every server of this machine on every port.
 */
function readToken(): string {
  const given = new URLSearchParams(location.search).get('token');
  if (given !== null) sessionStorage.setItem(TOKEN_KEY, given);
  return given ?? sessionStorage.getItem(TOKEN_KEY) ?? '';
}

/** While the page is paused, the history still gets states, and the shown state stays. */
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

/** Shows the states until the feed ends. Returns the reason of the end. */
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
// The token is needed once. It must not stay where a screenshot shows it.
window.history.replaceState(undefined, '', location.pathname);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
draw();
void main();
