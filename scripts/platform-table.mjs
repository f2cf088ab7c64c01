// Writes the table of systems, runtimes and transports in the README: from the runs in `docs/runs`, and for what could not be
// run from the list below. With --check it writes nothing and fails where the table is out of date.
// Usage: node scripts/platform-table.mjs [--check]

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as prettier from 'prettier';
import { readRuns } from './platform-runs.mjs';
import { rootFolder } from './workspace.mjs';

const PAGE = join(rootFolder, 'README.md');
const BEGIN = '<!-- platforms:begin -->';
const END = '<!-- platforms:end -->';

/** The columns. */
const SUITES = ['shared-memory', 'websocket'];

const SYSTEMS = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' };

const RUNTIMES = {
  'node-20': 'Node.js 20',
  'node-22': 'Node.js 22',
  'node-24': 'Node.js 24',
  'node-26': 'Node.js 26',
  bun: 'Bun',
  deno: 'Deno',
  electron: 'Electron',
};

/** What was not run: rows that appear where no run of the same row and column is there. */
const NOT_RUN = [
  row('linux', 'x64', 'musl', 'node-20', {
    'shared-memory': 'compiled, not run',
    websocket: 'not run',
  }),
  row('linux', 'arm64', 'glibc', 'node-20', { 'shared-memory': 'not run', websocket: 'not run' }),
  row('linux', 'arm64', 'musl', 'node-20', { 'shared-memory': 'compiled, not run', websocket: 'not run' }),
  row('win32', 'x64', undefined, 'node-20', { 'shared-memory': 'compiled, not run', websocket: 'not run' }),
  row('win32', 'arm64', undefined, 'node-20', { 'shared-memory': 'compiled, not run', websocket: 'not run' }),
  row('darwin', 'x64', undefined, 'node-20', { 'shared-memory': 'compiled, not run', websocket: 'not run' }),
  row('darwin', 'arm64', undefined, 'node-20', { 'shared-memory': 'compiled, not run', websocket: 'not run' }),
];

function row(system, architecture, library, runtime, cells) {
  return { system, architecture, library, runtime, cells };
}

const keyOf = ({ system, architecture, library, runtime }) =>
  [system, architecture, library, runtime].filter(Boolean).join('-');

/** How a run is told in a cell. */
function cellOf({ passed, failed, leftOut, part, emulator, failures = [], reasons = [], date, commit }) {
  const counts = `${passed} test${passed === 1 ? '' : 's'}`;
  const notes = [
    ...(part ? [part] : []),
    ...(failed > 0 ? [`${failed} failed: ${failures.slice(0, 3).map(shortened).join('; ')}`] : []),
    ...(leftOut > 0 ? [`${leftOut} left out${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`] : []),
    ...(emulator ? [`under ${emulator}`] : []),
  ];
  const isWhole = failed === 0 && part === undefined;
  const where = `${date}, ${commit}`;
  const judgement = isWhole ? `suite passed (${counts})` : `partly (${counts} passed)`;
  return `${[judgement, ...notes].join(', ')} <sub>${where}</sub>`;
}

/** A title without where the peer was. */
function shortened(title) {
  return (/\[[A-Z]+-\d+\].*/.exec(title)?.[0] ?? title).replaceAll('|', '\\|');
}

function table(runs) {
  const rows = new Map();
  const rowFor = (entry) => {
    const key = keyOf(entry);
    if (!rows.has(key)) rows.set(key, { ...entry, cells: {}, version: '' });
    return rows.get(key);
  };
  for (const run of runs) {
    const entry = rowFor(run);
    entry.version ||= run.version;
    entry.cells[run.suite] = cellOf(run);
  }
  for (const { cells, ...entry } of NOT_RUN) {
    const { cells: own } = rowFor(entry);
    for (const [suite, text] of Object.entries(cells)) own[suite] ??= text;
  }
  const order = (entry) => [
    Object.keys(SYSTEMS).indexOf(entry.system),
    entry.architecture === 'x64' ? 0 : 1,
    entry.library === 'musl' ? 1 : 0,
    Object.keys(RUNTIMES).indexOf(entry.runtime),
  ];
  const sorted = [...rows.values()].sort((left, right) => {
    const [one, other] = [order(left), order(right)];
    const at = one.findIndex((value, index) => value !== other[index]);
    return at < 0 ? 0 : one[at] - other[at];
  });
  const lines = sorted.map((entry) => {
    const { system, architecture, library, runtime, version, cells } = entry;
    const where = [SYSTEMS[system], architecture, library].filter(Boolean).join(' ');
    const what = `${RUNTIMES[runtime] ?? runtime}${version ? ` (${version})` : ''}`;
    return `| ${[where, what, ...SUITES.map((suite) => cells[suite] ?? 'not run')].join(' | ')} |`;
  });
  return ['| system | runtime | shared memory | WebSocket |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

async function renewed(page) {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  const text = `${page.slice(0, begin + BEGIN.length)}\n\n${table(readRuns())}\n\n${page.slice(end)}`;
  return prettier.format(text, { ...(await prettier.resolveConfig(PAGE)), filepath: PAGE });
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const page = readFileSync(PAGE, 'utf8');
const wanted = await renewed(page);
if (!values.check) writeFileSync(PAGE, wanted);
else if (page !== wanted) {
  process.stderr.write('The table of platforms in the README is out of date: run "npm run docs:platforms".\n');
  process.exitCode = 1;
}
