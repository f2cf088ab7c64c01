import type { EndedState, FailureState, InspectorState, ProcessState, ProcessTotals } from '@entropynet/inspector';
import { html, nothing, type TemplateResult } from 'lit-html';
import { connectionTable, isStalled, regionTable } from './connections-view.js';
import { bytes, clock, duration } from './format.js';
import type { History } from './history.js';
import { connectionRows, isSilent, processLabel } from './rows.js';
import { newChoice, type TableKind } from './table.js';
import { download, tableView } from './table-view.js';

/** Whether the shown state is current. */
export interface Status {
  readonly isLive: boolean;
  readonly text: string;
}

/** The actions of the reader for the whole page. */
export interface PageControls {
  readonly isPaused: boolean;
  readonly togglePause: () => void;
  readonly redraw: () => void;
}

const processChoice = newChoice('name');
const endedChoice = newChoice('ended', true);
const failureChoice = newChoice('at', true);

/** Returns the whole page. */
export function pageOf(
  state: InspectorState | undefined,
  status: Status,
  history: History,
  controls: PageControls,
): TemplateResult {
  return html`
    <header>
      <h1>EntropyNet inspector</h1>
      <p class=${status.isLive ? 'status live' : 'status lost'} role="status">${status.text}</p>
      ${
        state === undefined
          ? nothing
          : html`<button type="button" aria-pressed=${controls.isPaused} @click=${controls.togglePause}>
                ${controls.isPaused ? 'Go on' : 'Pause'}
              </button>
              <button
                type="button"
                @click=${() => {
                  download('inspector.json', 'application/json', JSON.stringify(state, undefined, 2));
                }}
              >
                JSON
              </button>`
      }
    </header>
    <main>
      ${state === undefined ? html`<p class="empty">No data has arrived yet.</p>` : bodyOf(state, history, controls.redraw)}
    </main>
  `;
}

function bodyOf(state: InspectorState, history: History, redraw: () => void): TemplateResult {
  const { regions, processes, ended, failures, leftOut } = state;
  const rows = connectionRows(state, history);
  const stalled = regions.filter(isStalled).length;
  return html`
    <nav class="tiles" aria-label="Sections">
      ${tile('connections', 'ends of connections', rows.length + leftOut)}
      ${tile('regions', 'regions of shared memory', regions.length)}
      ${tile('regions', 'stalled regions', stalled, stalled > 0)} ${tile('processes', 'agents', processes.length)}
      ${tile('ended', 'ended connections', ended.length)}
      ${tile('failures', 'failures', failures.length, failures.length > 0)}
    </nav>
    ${totalsLine(processes)}
    ${section(
      'connections',
      'Connections, from the reports of agents',
      html`${
        leftOut > 0
          ? html`<p class="remark">
              ${leftOut} more ends are not shown: there are more than a report or the page takes.
            </p>`
          : nothing
      }
      ${
        rows.length === 0
          ? html`<p class="empty">
              No process with an agent has a connection. Start programs with
              <code>node --import @entropynet/inspector/register</code>.
            </p>`
          : connectionTable(rows, history, redraw)
      }`,
    )}
    ${section(
      'regions',
      'Shared memory, observed from outside',
      html`${state.obstacle === '' ? nothing : html`<p class="empty">${state.obstacle}</p>`}
      ${
        regions.length > 0
          ? regionTable(regions, rows, history, redraw)
          : state.obstacle === ''
            ? html`<p class="empty">No process of this user has a connection through shared memory.</p>`
            : nothing
      }
      ${state.unreadable.map(({ key, reason }) => html`<p class="empty">Region ${key} can't be read: ${reason}</p>`)}`,
    )}
    ${section(
      'processes',
      'Agents',
      processes.length === 0
        ? html`<p class="empty">None.</p>`
        : tableView({
            ...{
              ...processKind(state.at),
              id: 'processes',
              noun: 'agents',
              rows: processes,
              choice: processChoice,
              redraw,
            },
          }),
    )}
    ${section(
      'ended',
      'Ended connections',
      ended.length === 0
        ? html`<p class="empty">None since the inspector started.</p>`
        : tableView({ ...{ ...ENDED, id: 'ended', noun: 'ended', rows: ended, choice: endedChoice, redraw } }),
    )}
    ${section(
      'failures',
      'Failures',
      failures.length === 0
        ? html`<p class="empty">None since the agents started.</p>`
        : tableView({
            ...{ ...FAILURES, id: 'failures', noun: 'failures', rows: failures, choice: failureChoice, redraw },
          }),
    )}
  `;
}

function section(id: string, title: string, content: TemplateResult): TemplateResult {
  return html`<section aria-labelledby=${id}>
    <h2 id=${id}>${title}</h2>
    ${content}
  </section>`;
}

function tile(target: string, what: string, value: number, isWarning = false): TemplateResult {
  return html`<a class=${isWarning ? 'tile warning' : 'tile'} href=${`#${target}`}>
    <span class="what">${what}</span>
    <span class="value">${value}</span>
  </a>`;
}

function totalsLine(processes: readonly ProcessState[]): unknown {
  if (processes.length === 0) return nothing;
  const sum = (field: keyof ProcessTotals): number =>
    processes.reduce((total, { report }) => total + report.totals[field], 0);
  return html`<p class="totals">
    Since the agents started: <b>${sum('opened')}</b> opened, <b>${sum('ended')}</b> ended,
    <b>${sum('failed')}</b> failed; sent <b>${sum('messagesSent')}</b> messages (${bytes(sum('bytesSent'))}), received
    <b>${sum('messagesReceived')}</b> messages (${bytes(sum('bytesReceived'))}); <b>${sum('waits')}</b> messages had to
    wait.
  </p>`;
}

const badge = (backend: string): TemplateResult => html`<span class=${`badge ${backend}`}>${backend}</span>`;

function processKind(now: number): TableKind<ProcessState> {
  const silence = (process: ProcessState): string =>
    isSilent(process, now) ? `silent for ${duration(now - process.at)}` : '';
  return {
    keyOf: ({ key }) => key,
    columns: [
      { id: 'name', label: 'process', text: ({ report }) => processLabel(report) },
      {
        ...{ id: 'age', label: 'running for', isNumber: true },
        text: ({ report }) => duration(now - report.startedAt),
        value: ({ report }) => now - report.startedAt,
      },
      {
        ...{ id: 'ends', label: 'ends', isNumber: true },
        text: ({ report }) => String(report.connectionCount),
        value: ({ report }) => report.connectionCount,
      },
      {
        ...{ id: 'p50', label: 'event loop late: median', isNumber: true },
        text: ({ report }) => duration(report.delay.p50),
        value: ({ report }) => report.delay.p50,
      },
      {
        ...{ id: 'p99', label: '99th percentile', isNumber: true },
        text: ({ report }) => duration(report.delay.p99),
        value: ({ report }) => report.delay.p99,
      },
      {
        id: 'state',
        label: 'remarks',
        text: silence,
        cell: (process) => (silence(process) === '' ? '' : html`<span class="remark">${silence(process)}</span>`),
      },
    ],
    filters: {},
    groups: {},
  };
}

const ENDED: TableKind<EndedState> = {
  keyOf: ({ agent, id }) => `${agent.key} ${id}`,
  columns: [
    { id: 'endpoint', label: 'endpoint', text: ({ endpoint }) => endpoint },
    { id: 'backend', label: 'transport', text: ({ backend }) => backend, cell: ({ backend }) => badge(backend) },
    { id: 'process', label: 'process', text: ({ agent }) => processLabel(agent) },
    { id: 'role', label: 'role', text: ({ role }) => role },
    {
      ...{ id: 'ended', label: 'ended', isNumber: true },
      text: ({ endedAt }) => clock(endedAt),
      value: ({ endedAt }) => endedAt,
    },
    {
      ...{ id: 'life', label: 'lasted', isNumber: true },
      text: ({ since, endedAt }) => duration(endedAt - since),
      value: ({ since, endedAt }) => endedAt - since,
    },
    {
      ...{ id: 'sent', label: '↑ bytes', isNumber: true },
      text: ({ bytesSent }) => bytes(bytesSent),
      value: ({ bytesSent }) => bytesSent,
    },
    {
      ...{ id: 'received', label: '↓ bytes', isNumber: true },
      text: ({ bytesReceived }) => bytes(bytesReceived),
      value: ({ bytesReceived }) => bytesReceived,
    },
    {
      id: 'how',
      label: 'how',
      text: ({ code, message }) => (code === '' ? 'goodbye' : `${code}: ${message}`),
      cell: ({ code, message }) =>
        code === '' ? 'goodbye' : html`<span class="remark">${code}</span> <span class="wide">${message}</span>`,
    },
  ],
  filters: {
    goodbye: { label: 'with a goodbye', test: ({ code }) => code === '' },
    failed: { label: 'without a goodbye', test: ({ code }) => code !== '' },
  },
  groups: {},
};

const FAILURES: TableKind<FailureState> = {
  keyOf: ({ agent, id }) => `${agent.key} ${id}`,
  columns: [
    { ...{ id: 'at', label: 'at', isNumber: true }, text: ({ at }) => clock(at), value: ({ at }) => at },
    {
      id: 'code',
      label: 'code',
      text: ({ code }) => code,
      cell: ({ code }) => html`<span class="remark">${code}</span>`,
    },
    { id: 'backend', label: 'transport', text: ({ backend }) => backend, cell: ({ backend }) => badge(backend) },
    { id: 'endpoint', label: 'endpoint', text: ({ endpoint }) => endpoint },
    { id: 'process', label: 'process', text: ({ agent }) => processLabel(agent) },
    {
      id: 'message',
      label: 'message',
      text: ({ message }) => message,
      cell: ({ message }) => html`<span class="wide">${message}</span>`,
    },
  ],
  filters: {},
  groups: {},
};
