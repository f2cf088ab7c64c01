import type { RatedRegion, RatedRing } from '@entropynet/inspector';
import { html, nothing, type TemplateResult } from 'lit-html';
import { channelTable } from './channels-view.js';
import { bytes, clock, countOf, duration, perSecond, rate } from './format.js';
import { type History, ringKey, waitingInRing } from './history.js';
import { MESSAGE_RATES, plot, RATES, RING_RATES, ROUND_TRIP, WAITING } from './plots.js';
import { type ConnectionRow, outsideLabel } from './rows.js';
import { newChoice, type TableChoice, type TableKind } from './table.js';
import { tableView } from './table-view.js';

/** The reader's choices for the two tables. */
export const connectionChoice: TableChoice = newChoice('since');
const regionChoice: TableChoice = newChoice('filled', true);

const remark = (text: string): TemplateResult => html`<span class="remark">${text}</span>`;

function stateOf({ connection, isStalled, isSilent }: ConnectionRow): string {
  return [
    ...(isSilent ? ['silent'] : []),
    ...(isStalled ? ['stalled'] : []),
    ...(connection.why.length > 0 ? ['fallback'] : []),
  ].join(', ');
}

/** The parts of the table of connections. */
export const CONNECTIONS: TableKind<ConnectionRow> = {
  keyOf: ({ key }) => key,
  columns: [
    { id: 'endpoint', label: 'endpoint', text: ({ connection }) => connection.endpoint },
    {
      id: 'backend',
      label: 'transport',
      text: ({ connection }) => connection.backend,
      cell: ({ connection }) => html`<span class=${`badge ${connection.backend}`}>${connection.backend}</span>`,
    },
    { id: 'process', label: 'process', text: ({ process }) => process },
    { id: 'role', label: 'role', text: ({ connection }) => connection.role },
    {
      id: 'peer',
      label: 'peer',
      text: ({ peer }) => peer,
      cell: (row) =>
        row.peerKey === undefined
          ? html`<span class="soft">${row.peer}</span>`
          : html`<button type="button" class="link" data-peer=${row.peerKey}>${row.peer}</button>`,
    },
    {
      ...{ id: 'sent', label: '↑ bytes/s', isNumber: true, isRate: true, isSummed: true, format: rate },
      ...{ text: ({ sent }: ConnectionRow) => rate(sent), value: ({ sent }: ConnectionRow) => sent },
    },
    {
      ...{ id: 'received', label: '↓ bytes/s', isNumber: true, isRate: true, isSummed: true, format: rate },
      ...{ text: ({ received }: ConnectionRow) => rate(received), value: ({ received }: ConnectionRow) => received },
    },
    {
      ...{ id: 'messages-sent', label: '↑ msg/s', isNumber: true, isSummed: true, format: perSecond },
      text: ({ messagesSent }) => perSecond(messagesSent),
      value: ({ messagesSent }) => messagesSent,
    },
    {
      ...{ id: 'messages-received', label: '↓ msg/s', isNumber: true, isSummed: true, format: perSecond },
      text: ({ messagesReceived }) => perSecond(messagesReceived),
      value: ({ messagesReceived }) => messagesReceived,
    },
    {
      ...{ id: 'waiting', label: 'under way', isNumber: true },
      text: ({ waiting }) => (waiting === null ? '–' : duration(waiting)),
      value: ({ waiting }) => waiting ?? -1,
    },
    {
      ...{ id: 'waits', label: 'waits', isNumber: true, isSummed: true, format: String },
      text: ({ connection }) => String(connection.waits),
      value: ({ connection }) => connection.waits,
    },
    {
      ...{ id: 'since', label: 'since', isNumber: true },
      text: ({ connection }) => clock(connection.since),
      value: ({ connection }) => connection.since,
    },
    { id: 'state', label: 'remarks', text: stateOf, cell: (row) => (stateOf(row) === '' ? '' : remark(stateOf(row))) },
  ],
  filters: {
    clients: { label: 'clients', test: ({ connection }) => connection.role === 'client' },
    servers: { label: 'servers', test: ({ connection }) => connection.role === 'server' },
    busy: { label: 'with traffic', test: ({ sent, received }) => sent + received > 0 },
    waited: { label: 'that waited', test: ({ connection, isStalled }) => isStalled || connection.waits > 0 },
    fallback: { label: 'on a fallback', test: ({ connection }) => connection.why.length > 0 },
    alone: { label: 'whose peer has no agent', test: ({ peerKey }) => peerKey === undefined },
    silent: { label: 'of silent agents', test: ({ isSilent }) => isSilent },
  },
  groups: {
    server: { label: 'server', of: ({ server }) => server },
    process: { label: 'process', of: ({ process }) => process },
    transport: { label: 'transport', of: ({ connection }) => connection.backend },
  },
};

export function connectionTable(rows: readonly ConnectionRow[], history: History, redraw: () => void): TemplateResult {
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const details = (row: ConnectionRow): TemplateResult =>
    connectionDetails(row, row.peerKey === undefined ? undefined : byKey.get(row.peerKey), history);
  const onClick = (event: Event): void => {
    const button = (event.target as Element).closest<HTMLElement>('[data-peer]');
    if (button !== null) revealConnection(button.dataset['peer'] ?? '', redraw);
  };
  return html`<div @click=${onClick}>
    ${tableView({ ...CONNECTIONS, id: 'connections', noun: 'ends', rows, choice: connectionChoice, details, redraw })}
  </div>`;
}

/** Makes a row visible: removes search, filter and groups, selects its page, opens it and scrolls to it. */
function revealConnection(key: string, redraw: () => void): void {
  Object.assign(connectionChoice, { query: '', filter: '', groupBy: '', reveal: key });
  connectionChoice.openRows.add(key);
  redraw();
  document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.scrollIntoView({ block: 'center' });
}

function connectionDetails(row: ConnectionRow, peer: ConnectionRow | undefined, history: History): TemplateResult {
  const { connection, region } = row;
  const { why, role, roundTripMs, channels } = connection;
  const samples = history.of(row.key);
  const reason = role === 'client' ? 'the first choice of its configuration' : 'the client chose it';
  const across = (own: number, others: number | undefined): string =>
    others === undefined ? '' : `; the peer counts ${others === own ? 'the same' : bytes(others)}`;
  return html`
    <dl class="facts">
      ${fact('why this transport', why.length === 0 ? reason : why.join(' · '))} ${fact('server', row.server)}
      ${fact(
        'sent',
        `${countOf(connection.messagesSent, 'message')}, ${bytes(connection.bytesSent)}` +
          across(connection.bytesSent, peer?.connection.bytesReceived),
      )}
      ${fact(
        'received',
        `${countOf(connection.messagesReceived, 'message')}, ${bytes(connection.bytesReceived)}` +
          across(connection.bytesReceived, peer?.connection.bytesSent),
      )}
      ${fact('not confirmed by the peer', bytes(connection.unconfirmedBytes))}
      ${fact('messages that had to wait', String(connection.waits))}
      ${roundTripMs === null ? nothing : fact('round trip of a ping', duration(roundTripMs))}
      ${region === undefined ? nothing : ringFacts(region)}
    </dl>
    ${channels.length === 0 ? nothing : channelTable(channels, peer?.connection.channels ?? [])}
    <div class="plots">
      ${plot(RATES, samples)}${plot(MESSAGE_RATES, samples)}
      ${region === undefined ? nothing : plot(WAITING, history.of(ringKey(region.key)))}
      ${roundTripMs === null ? nothing : plot(ROUND_TRIP, samples)}
    </div>
  `;
}

/** A region with the names of its processes from their agents. */
interface RegionRow {
  readonly region: RatedRegion;
  readonly server: string;
  readonly client: string;
}

const percent = ({ filled, capacity }: RatedRing): number => (filled / capacity) * 100;

function ringCell(ring: RatedRing, label: string): TemplateResult {
  return html`<meter min="0" max="100" high="80" optimum="0" .value=${percent(ring)} aria-label=${label}></meter>
    ${Math.round(percent(ring))} %`;
}

const REGIONS: TableKind<RegionRow> = {
  keyOf: ({ region }) => ringKey(region.key),
  columns: [
    { id: 'server', label: 'server', text: ({ server }) => server },
    { id: 'client', label: 'client', text: ({ client }) => client },
    {
      ...{ id: 'size', label: 'size', isNumber: true },
      text: ({ region }) => bytes(region.size),
      value: ({ region }) => region.size,
    },
    {
      ...{ id: 'made', label: 'since', isNumber: true },
      text: ({ region }) => (region.madeAt === undefined ? '–' : clock(region.madeAt)),
      value: ({ region }) => region.madeAt ?? 0,
    },
    {
      ...{ id: 'to-client', label: 'to client', isNumber: true, isRate: true },
      text: ({ region }) => rate(region.toClient.bytesPerSecond),
      value: ({ region }) => region.toClient.bytesPerSecond,
    },
    {
      ...{ id: 'filled', label: 'filled', isNumber: true },
      text: ({ region }) => `${Math.round(percent(region.toClient))} %`,
      value: ({ region }) => Math.max(percent(region.toClient), percent(region.toServer)),
      cell: ({ region }) => ringCell(region.toClient, 'ring to the client: filled'),
    },
    {
      ...{ id: 'to-server', label: 'to server', isNumber: true, isRate: true },
      text: ({ region }) => rate(region.toServer.bytesPerSecond),
      value: ({ region }) => region.toServer.bytesPerSecond,
    },
    {
      ...{ id: 'filled-server', label: 'filled', isNumber: true },
      text: ({ region }) => `${Math.round(percent(region.toServer))} %`,
      value: ({ region }) => percent(region.toServer),
      cell: ({ region }) => ringCell(region.toServer, 'ring to the server: filled'),
    },
    {
      id: 'state',
      label: 'remarks',
      text: ({ region }) => (isStalled(region) ? 'stalled' : ''),
      cell: ({ region }) => (isStalled(region) ? remark('stalled') : ''),
    },
  ],
  filters: { stalled: { label: 'that are stalled', test: ({ region }) => isStalled(region) } },
  groups: { server: { label: 'server', of: ({ server }) => server } },
};

export function isStalled({ toClient, toServer }: RatedRegion): boolean {
  return toClient.isStalled || toServer.isStalled;
}

export function regionTable(
  regions: readonly RatedRegion[],
  rows: readonly ConnectionRow[],
  history: History,
  redraw: () => void,
): TemplateResult {
  const known = new Map(rows.map((row) => [`${row.connection.link ?? ''} ${row.connection.role}`, row.process]));
  const regionRows = regions.map((region) => ({
    region,
    server: known.get(`${region.linkKey} server`) ?? outsideLabel(region.server, region.serverLibrary),
    client: known.get(`${region.linkKey} client`) ?? outsideLabel(region.client, region.clientLibrary),
  }));
  const details = ({ region }: RegionRow): TemplateResult =>
    html`<dl class="facts">
        ${fact('server', region.server === undefined ? UNSEEN : region.server.command)}
        ${fact("server's library", region.serverLibrary ?? UNNAMED)}
        ${fact('client', region.client === undefined ? UNSEEN : region.client.command)}
        ${fact("client's library", region.clientLibrary ?? UNNAMED)} ${ringFacts(region)}
      </dl>
      <div class="plots">
        ${plot(RING_RATES, history.of(ringKey(region.key)))}${plot(WAITING, history.of(ringKey(region.key)))}
      </div>`;
  return tableView({
    ...{ ...REGIONS, id: 'regions', noun: 'regions', rows: regionRows, choice: regionChoice, details, redraw },
  });
}

const UNSEEN = 'it has ended, or is in a process namespace of its own';
const UNNAMED = 'not named: it is of an older release';

function ringFacts({ toClient, toServer }: RatedRegion): TemplateResult {
  return html`${fact('ring to the client', describeRing(toClient))}
  ${fact('ring to the server', describeRing(toServer))}`;
}

function describeRing(ring: RatedRing): string {
  const { filled, capacity, receiver, isClosed } = ring;
  const waiting = waitingInRing(ring);
  const fill = filled === 0 ? `empty, of ${bytes(capacity)}` : `${bytes(filled)} of ${bytes(capacity)} filled`;
  return [
    fill,
    ...(filled === 0 ? [] : [waiting === null ? 'nothing moves' : `${duration(waiting)} under way`]),
    receiver === 'awake' ? 'receiver awake' : `receiver sleeps (${receiver})`,
    ...(ring.isStalled ? ['the sender waits for room'] : []),
    ...(isClosed ? ['said goodbye'] : []),
  ].join(', ');
}

function fact(what: string, value: string): TemplateResult {
  return html`<div>
    <dt>${what}</dt>
    <dd>${value}</dd>
  </div>`;
}
