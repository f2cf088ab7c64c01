import { writeFileSync } from 'node:fs';
import { type Goal, isMet } from '../goals/index.js';
import type { Result } from '../measurement.js';
import { formatValue } from './format.js';

/** What a report shows. */
export interface ReportData {
  readonly machine: string;
  readonly results: readonly Result[];
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
}

const BAR_HEIGHT = 22;
const LABEL_WIDTH = 265;
const BAR_WIDTH = 390;
const PLOT_WIDTH = 640;
const PLOT_HEIGHT = 280;
/** Where the plot begins, right of the labels of its axis. */
const PLOT_LEFT = 80;
/** Room for the names of the lines. */
const NAMES_WIDTH = 240;
const NAME_HEIGHT = 13;

const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --muted: #59636e; --paper: #ffffff; --line: #d1d9e0; --ours: #0b6bcb; --other: #8c959f; --limit: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --muted: #9198a1; --paper: #0d1117; --line: #3d444d; --ours: #58a6ff; --other: #7d8590; --limit: #3fb950; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper); max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; } p.machine { color: var(--muted); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
td.no { color: var(--bad); } td.yes { color: var(--limit); }
svg { width: 100%; height: auto; } text { fill: var(--text); font: 12px system-ui, sans-serif; } text.muted { fill: var(--muted); }
.ours { fill: var(--ours); stroke: var(--ours); } .other { fill: var(--other); stroke: var(--other); } .limit { fill: var(--limit); stroke: var(--limit); }
polyline { fill: none !important; stroke-width: 2; } line { stroke: var(--line); }
`;

/** Writes a report that needs no other file. */
export function writeHtml(file: string, data: ReportData): void {
  const figures = [...new Set(data.results.map(({ figure }) => figure))];
  const sections = figures.map((figure) =>
    section(
      figure,
      data.results.filter((each) => each.figure === figure),
    ),
  );
  const body = [
    '<h1>EntropyNet benchmark</h1>',
    `<p class="machine">${escape(data.machine)}</p>`,
    goalRows(data.goals),
    ...sections,
    ...data.notes.map((note) => `<p>${escape(note)}</p>`),
  ].join('\n');
  writeFileSync(
    file,
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>EntropyNet benchmark</title><style>${STYLE}</style></head>\n<body>\n${body}\n</body></html>\n`,
  );
}

function goalRows(goals: readonly Goal[]): string {
  const measured = goals.filter(({ reached }) => reached !== undefined);
  if (measured.length === 0) return '';
  const rows = measured.map((goal) => {
    const met = isMet(goal) === true ? 'yes' : 'no';
    return `<tr><td>${escape(goal.what)}</td><td>${goal.sense} ${goal.bound}</td><td>${goal.reached?.toFixed(2) ?? ''}</td><td class="${met}">${met}</td></tr>`;
  });
  return `<h2>Goals</h2>\n<table><tr><th>ratio</th><th>bound</th><th>reached</th><th>met</th></tr>${rows.join('')}</table>`;
}

function section(figure: string, results: readonly Result[]): string {
  const statistics = [...new Set(results.map(({ statistic }) => statistic))];
  const isLatency = statistics.includes('p50') && statistics.includes('p99.9');
  const parts = isLatency
    ? [bars(results, 'p50'), percentiles(results)]
    : statistics.map((statistic) => bars(results, statistic));
  return `<h2>${escape(figure)}</h2>\n${parts.join('\n')}`;
}

/** One bar a subject. */
function bars(results: readonly Result[], statistic: string): string {
  const shown = results.filter((each) => each.statistic === statistic && Number.isFinite(each.value));
  const largest = Math.max(...shown.map(({ value }) => Math.abs(value)), Number.MIN_VALUE);
  const rows = shown.map(({ subject, value, unit }, index) => {
    const y = index * BAR_HEIGHT;
    const width = Math.max(1, (Math.abs(value) / largest) * BAR_WIDTH);
    return `<text x="0" y="${y + 15}">${escape(subject)}</text><rect class="${colour(subject)}" x="${LABEL_WIDTH}" y="${y + 4}" width="${width.toFixed(1)}" height="14"/><text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 15}">${escape(formatValue(value, unit))}</text>`;
  });
  const height = shown.length * BAR_HEIGHT + 4;
  const total = LABEL_WIDTH + BAR_WIDTH + 90;
  return `<p>${escape(statistic)}</p><svg role="img" aria-label="${escape(statistic)}" viewBox="0 0 ${total} ${height}">${rows.join('')}</svg>`;
}

/** Latency over percentile, both on logarithmic axes. */
function percentiles(results: readonly Result[]): string {
  const fractions = new Map([
    ['p50', 0.5],
    ['p90', 0.9],
    ['p99', 0.99],
    ['p99.9', 0.999],
  ]);
  const points = results.filter((each) => fractions.has(each.statistic) && each.value > 0);
  const logarithms = points.map(({ value }) => Math.log10(value));
  const low = Math.floor(Math.min(...logarithms));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logarithms)));
  const x = (statistic: string): number =>
    PLOT_LEFT + ((-Math.log10(1 - (fractions.get(statistic) ?? 0.5)) - 0.3) / 2.75) * (PLOT_WIDTH - PLOT_LEFT);
  const y = (value: number): number =>
    PLOT_HEIGHT - 25 - ((Math.log10(value) - low) / (high - low)) * (PLOT_HEIGHT - 40);
  const grid = Array.from({ length: high - low + 1 }, (_, index) => {
    const value = 10 ** (low + index);
    return `<line x1="${PLOT_LEFT}" x2="${PLOT_WIDTH}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/><text class="muted" x="0" y="${(y(value) + 4).toFixed(1)}">${value} µs</text>`;
  });
  const marks = [...fractions.keys()].map(
    (statistic) => `<text class="muted" x="${x(statistic).toFixed(1)}" y="${PLOT_HEIGHT - 6}">${statistic}</text>`,
  );
  const subjects = [...new Set(points.map(({ subject }) => subject))];
  const lines = subjects.map((subject) => {
    const own = points.filter((each) => each.subject === subject);
    const path = own.map(({ statistic, value }) => `${x(statistic).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline class="${colour(subject)}" points="${path}"><title>${escape(subject)}</title></polyline>`;
  });
  // Each name at the height at which its line ends, or below the one before it.
  let lowest = -Infinity;
  const names = subjects
    .map((subject) => ({ subject, at: y(points.findLast((each) => each.subject === subject)?.value ?? 1) }))
    .sort((a, b) => a.at - b.at)
    .map(({ subject, at }) => {
      lowest = Math.max(at + 4, lowest + NAME_HEIGHT);
      return `<text x="${PLOT_WIDTH + 6}" y="${lowest.toFixed(1)}">${escape(subject)}</text>`;
    });
  return `<svg role="img" aria-label="latency by percentile" viewBox="0 0 ${PLOT_WIDTH + NAMES_WIDTH} ${PLOT_HEIGHT}">${grid.join('')}${marks.join('')}${lines.join('')}${names.join('')}</svg>`;
}

function colour(subject: string): string {
  if (subject.startsWith('EntropyNet')) return 'ours';
  return subject === 'native limit' ? 'limit' : 'other';
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
