import type { ChannelReport } from '@entropynet/inspector';
import { html, type TemplateResult } from 'lit-html';
import { bytes, countOf } from './format.js';

/** The columns. Each has its text for a channel, and uses the same channel at the other end if that is known. */
const COLUMNS: readonly (readonly [label: string, text: (own: ChannelReport, other?: ChannelReport) => string])[] = [
  ['sent', ({ now }) => trafficOf(now)],
  ['received', (_own, other) => trafficOf(other?.now)],
  ['window left', ({ now }) => (now === null ? NOTHING : bytes(now.window))],
  ['to be written', ({ now }) => (now === null ? NOTHING : countOf(now.queued, 'message'))],
  ['not read', ({ now }) => (now === null ? NOTHING : countOf(now.parked, 'frame'))],
  ['had to wait', ({ waits }) => countOf(waits, 'message')],
];

const NOTHING = '–';

/**
 * Returns the table of the channels of one end of a connection.
 * @param others the channels of the other end; only that end counts, for each channel, what this end has received
 */
export function channelTable(channels: readonly ChannelReport[], others: readonly ChannelReport[]): TemplateResult {
  const byName = new Map(others.map((other) => [other.name, other]));
  return html`<div class="channels">
    <table>
      <caption>
        Channels
      </caption>
      <thead>
        <tr>
          <th scope="col">channel</th>
          ${COLUMNS.map(([label]) => html`<th scope="col" class="number">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${channels.map((channel) => {
          const name = channel.name === '' ? 'the default channel' : channel.name;
          const cells = COLUMNS.map(
            ([label, text]) =>
              html`<td class="number" data-label=${label}>${text(channel, byName.get(channel.name))}</td>`,
          );
          return html`<tr>
            <th scope="row">${name}${channel.now === null ? ' (closed)' : ''}</th>
            ${cells}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function trafficOf(now: ChannelReport['now'] | undefined): string {
  if (now === null || now === undefined) return NOTHING;
  return `${countOf(now.messagesSent, 'message')}, ${bytes(now.bytesSent)}`;
}
