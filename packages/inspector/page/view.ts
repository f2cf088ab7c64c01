import type {
  ConnectionReport,
  FailureReport,
  InspectorState,
  ProcessReport,
  RatedRegion,
  RatedRing,
} from '@entropynet/inspector';
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { bytes, clock, countOf, duration, rate } from './format.js';
import { connectionKey, type History, ringKey, waitingInRing } from './history.js';
import { plot, RATES, RING_RATES, ROUND_TRIP, WAITING } from './plots.js';

/** Whether what is shown is of now. */
export interface Status {
  readonly isLive: boolean;
  readonly text: string;
}

const MOST_FAILURES = 50;

/** The cards that are open; their plots are drawn. */
const open = new Set<string>();

/** The whole page. */
export function pageOf(state: InspectorState | undefined, status: Status, history: History): TemplateResult {
  return html`
    <header>
      <h1>EntropyNet inspector</h1>
      <p class=${status.isLive ? 'status live' : 'status lost'} role="status">${status.text}</p>
    </header>
    <main>${state === undefined ? html`<p class="empty">Nothing has come yet.</p>` : bodyOf(state, history)}</main>
  `;
}

function bodyOf(state: InspectorState, history: History): TemplateResult {
  const connections = state.processes.flatMap(({ key, report }) =>
    report.connections.map((each) => [key, report, each] as const),
  );
  const failures = state.processes
    .flatMap(({ report }) => report.failures.map((failure) => ({ report, failure })))
    .sort((left, right) => right.failure.at - left.failure.at)
    .slice(0, MOST_FAILURES);
  const waits = connections.reduce((sum, [, , { waits: own }]) => sum + own, 0);
  const stalled = state.regions.filter(({ toClient, toServer }) => toClient.isStalled || toServer.isStalled).length;
  return html`
    <dl class="tiles">
      ${tile('processes with an agent', String(state.processes.length))}
      ${tile('their connections', String(connections.length))}
      ${tile('rings seen from outside', String(state.regions.length * 2))}
      ${tile('stalled connections', String(stalled), stalled > 0)} ${tile('times a sender waited', String(waits))}
      ${tile('failures', String(failures.length), failures.length > 0)}
    </dl>
    <section aria-labelledby="connections">
      <h2 id="connections">Connections, as their processes report them</h2>
      ${
        connections.length === 0
          ? html`<p class="empty">
              No process with an agent has a connection. Start programs with
              <code>node --import @entropynet/inspector/register</code>.
            </p>`
          : html`<ul class="cards">
              ${repeat(
                connections,
                ([key, , { id }]) => connectionKey(key, id),
                ([key, process, connection]) =>
                  connectionCard(connectionKey(key, connection.id), process, connection, history),
              )}
            </ul>`
      }
    </section>
    <section aria-labelledby="regions">
      <h2 id="regions">Shared memory, seen from outside</h2>
      ${state.obstacle === '' ? nothing : html`<p class="empty">${state.obstacle}</p>`}
      ${
        state.obstacle === '' && state.regions.length === 0
          ? html`<p class="empty">No process of this user has a connection through shared memory.</p>`
          : html`<ul class="cards">
              ${repeat(
                state.regions,
                ({ key }) => key,
                (region) => regionCard(region, state.at, history),
              )}
            </ul>`
      }
      ${state.unreadable.map(({ key, reason }) => html`<p class="empty">Region ${key} can't be read: ${reason}</p>`)}
    </section>
    <section aria-labelledby="processes">
      <h2 id="processes">Processes with an agent</h2>
      ${state.processes.length === 0 ? html`<p class="empty">None.</p>` : processTable(state)}
    </section>
    <section aria-labelledby="failures">
      <h2 id="failures">Failures</h2>
      ${
        failures.length === 0
          ? html`<p class="empty">None since the agents started.</p>`
          : html`<ul class="failures">
              ${failures.map(({ report, failure }) => failureItem(report, failure))}
            </ul>`
      }
    </section>
  `;
}

function tile(what: string, value: string, isWarning = false): TemplateResult {
  return html`<div class=${isWarning ? 'tile warning' : 'tile'}>
    <dt>${what}</dt>
    <dd>${value}</dd>
  </div>`;
}

/** A card: a line that says the most, and plots behind it. */
function card(key: string, summary: TemplateResult, details: () => TemplateResult): TemplateResult {
  const onToggle = (event: Event): void => {
    if ((event.currentTarget as HTMLDetailsElement).open) open.add(key);
    else open.delete(key);
  };
  return html`<li>
    <details class="card" @toggle=${onToggle}>
      <summary>${summary}</summary>
      ${open.has(key) ? details() : nothing}
    </details>
  </li>`;
}

function connectionCard(
  key: string,
  process: ProcessReport,
  connection: ConnectionReport,
  history: History,
): TemplateResult {
  const { backend, endpoint, role, why, unconfirmedBytes, waits, since, roundTripMs } = connection;
  const summary = html`
    <span class=${`badge ${backend}`}>${backend}</span>
    <span class="name">${endpoint}</span>
    <span class="who">${process.name} (${process.processId}), ${role}</span>
    <span class="figure">↑ ${rate(history.newest(key, 'sent') || 0)}</span>
    <span class="figure">↓ ${rate(history.newest(key, 'received') || 0)}</span>
    ${why.length > 0 ? html`<span class="remark">fallback</span>` : nothing}
    ${waits > 0 ? html`<span class="remark">waited ${waits}×</span>` : nothing}
  `;
  return card(
    key,
    summary,
    () => html`
      <dl class="facts">
        ${fact('why this transport', why.length === 0 ? reasonOf(role) : why.join(' · '))}
        ${fact('since', clock(since))}
        ${fact('sent', `${countOf(connection.messagesSent, 'message')}, ${bytes(connection.bytesSent)}`)}
        ${fact('received', `${countOf(connection.messagesReceived, 'message')}, ${bytes(connection.bytesReceived)}`)}
        ${fact('not confirmed by the peer', bytes(unconfirmedBytes))}
        ${fact('messages that had to wait', String(waits))}
        ${roundTripMs === null ? nothing : fact('round trip of a ping', duration(roundTripMs))}
      </dl>
      <div class="plots">
        ${plot(RATES, history.of(key))} ${roundTripMs === null ? nothing : plot(ROUND_TRIP, history.of(key))}
      </div>
    `,
  );
}

function reasonOf(role: ConnectionReport['role']): string {
  return role === 'client' ? 'the first choice of its configuration' : 'the client chose it';
}

function regionCard(region: RatedRegion, at: number, history: History): TemplateResult {
  const { key, server, client, toClient, toServer, madeAt, size } = region;
  const seriesKey = ringKey(key);
  const nameOf = (process: RatedRegion['server']): string => (process === undefined ? 'unknown' : String(process.id));
  const summary = html`
    <span class="badge shared-memory">ring</span>
    <span class="name">${nameOf(server)} ⇄ ${nameOf(client)}</span>
    <span class="who">${bytes(size)}${madeAt === undefined ? '' : `, for ${duration(at - madeAt)}`}</span>
    ${ringLine('to client', toClient)} ${ringLine('to server', toServer)}
  `;
  return card(
    seriesKey,
    summary,
    () => html`
      <dl class="facts">
        ${fact('server', server === undefined ? 'ended, or in a process namespace of its own' : server.command)}
        ${fact('client', client === undefined ? 'ended, or in a process namespace of its own' : client.command)}
        ${fact('to client', describeRing(toClient))} ${fact('to server', describeRing(toServer))}
      </dl>
      <div class="plots">${plot(RING_RATES, history.of(seriesKey))}${plot(WAITING, history.of(seriesKey))}</div>
    `,
  );
}

function ringLine(label: string, ring: RatedRing): TemplateResult {
  const percent = Math.round((ring.filled / ring.capacity) * 100);
  return html`<span class="ring">
    <span>${label}</span>
    <meter
      min="0"
      max="100"
      high="80"
      optimum="0"
      .value=${percent}
      aria-label=${`${label}: ring filled, percent`}
    ></meter>
    <span class="figure">${rate(ring.bytesPerSecond)}</span>
    ${ring.isStalled ? html`<span class="remark">stalled</span>` : nothing}
  </span>`;
}

function describeRing({ filled, capacity, bytesPerSecond, receiver, isStalled, isClosed }: RatedRing): string {
  const waiting = waitingInRing({ filled, bytesPerSecond });
  return [
    `${bytes(filled)} of ${bytes(capacity)} filled`,
    waiting === null ? 'nothing moves' : `${duration(waiting)} under way`,
    receiver === 'awake' ? 'receiver awake' : `receiver sleeps (${receiver})`,
    ...(isStalled ? ['the sender waits for room'] : []),
    ...(isClosed ? ['said goodbye'] : []),
  ].join(', ');
}

function fact(what: string, value: string): TemplateResult {
  return html`<div>
    <dt>${what}</dt>
    <dd>${value}</dd>
  </div>`;
}

function processTable({ processes, at }: InspectorState): TemplateResult {
  return html`<ul class="failures">
    ${processes.map(
      ({ report }) =>
        html`<li>
          <strong>${report.name}</strong>
          <span class="who">${report.processId}, for ${duration(at - report.startedAt)}</span>
          <span>${countOf(report.connections.length, 'connection')}</span>
          <span class="figure">
            event loop late: p50 ${duration(report.delay.p50)}, p99 ${duration(report.delay.p99)}
          </span>
        </li>`,
    )}
  </ul>`;
}

function failureItem(report: ProcessReport, { at, backend, endpoint, code, message }: FailureReport): TemplateResult {
  return html`<li>
    <time>${clock(at)}</time> <span class="remark">${code}</span> <span class=${`badge ${backend}`}>${backend}</span>
    <span class="name">${endpoint}</span> <span class="who">${report.name} (${report.processId})</span>
    <p>${message}</p>
  </li>`;
}
