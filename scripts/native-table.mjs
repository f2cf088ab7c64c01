// Writes the table of promises and pairs of languages in docs/native-peers.md from the results of real runs.
// Usage: node scripts/native-table.mjs RESULTS.json...
// docs/native-peers.md says how to make them. A pair that is in none of the files has empty cells. Results that came from
// Windows have columns of their own.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as prettier from 'prettier';
import { readResults } from './test-results.mjs';
import { rootFolder } from './workspace.mjs';

const PAGE = join(rootFolder, 'docs', 'native-peers.md');
const BEGIN = '<!-- pairs:begin -->';
const END = '<!-- pairs:end -->';
const PROMISE = /\[([A-Z]+-\d+)\]/g;

/** The pairs, as client and server, on Linux. */
const ON_LINUX = [
  ['Node.js', 'C'],
  ['C', 'Node.js'],
  ['Node.js', 'Python'],
  ['Python', 'Node.js'],
  ['C', 'C'],
  ['C', 'Python'],
  ['Python', 'C'],
  ['Python', 'Python'],
].map(([client, server]) => `${client} → ${server}`);

/** What stands behind a pair on Windows. No machine with Windows has run it yet. */
const UNDER_WINE = ', Windows under wine';

const COLUMNS = [...ON_LINUX, ...['Node.js → C', 'C → Node.js', 'C → C'].map((pair) => `${pair}${UNDER_WINE}`)];

/** What stands behind the pairs of a run. */
function placeOf({ platform: { system, emulator } }) {
  if (system.startsWith('linux') && emulator === undefined) return '';
  if (system.startsWith('win32') && emulator === 'wine') return UNDER_WINE;
  throw new Error(
    `The table has no column for a run on ${system}${emulator === undefined ? '' : ` under ${emulator}`}.`,
  );
}

/** The pair that a test's title names; undefined for a test without a peer. */
function pairOf(title) {
  const near = /Node\.js and a peer in (\S+) as (client|server)/.exec(title);
  if (near !== null) return near[2] === 'client' ? `Node.js → ${near[1]}` : `${near[1]} → Node.js`;
  const pair = /a client in (\S+) and a server in (\S+)/.exec(title);
  return pair === null ? undefined : `${pair[1]} → ${pair[2]}`;
}

const files = process.argv.slice(2);
if (files.length === 0)
  throw new Error('Name one file of results or more: node scripts/native-table.mjs RESULTS.json...');
const runs = files.map((file) => {
  const results = readResults(file);
  if (results === undefined) throw new Error(`${file} does not exist`);
  return results;
});

const order = [
  ...readFileSync(join(rootFolder, 'docs', 'contract.md'), 'utf8').matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm),
].map(([, promise]) => promise);
const cells = new Map();
// Of a test that ran twice in one place, the later run counts.
const states = new Map(
  runs.flatMap((run) => run.tests.map(({ title, state }) => [`${title}${placeOf(run)}`, { title, state, run }])),
);
for (const { title, state, run } of states.values()) {
  const pair = pairOf(title);
  if (pair === undefined || state === 'left out') continue;
  for (const [, promise] of title.matchAll(PROMISE)) {
    const key = `${promise} ${pair}${placeOf(run)}`;
    const cell = cells.get(key) ?? { passed: 0, failed: 0 };
    cells.set(key, cell);
    cell[state] += 1;
  }
}

function cellOf(promise, column) {
  const cell = cells.get(`${promise} ${column}`);
  if (cell === undefined) return '';
  return cell.failed === 0 ? String(cell.passed) : `**${cell.failed} of ${cell.passed + cell.failed} failed**`;
}

const rows = order
  .map((promise) => [promise, ...COLUMNS.map((column) => cellOf(promise, column))])
  .filter(([, ...values]) => values.some((value) => value !== ''));
const where = runs.map(({ date, commit, platform, passed, failed, tests }) => {
  const system = platform.emulator === undefined ? platform.system : `${platform.system} under ${platform.emulator}`;
  const what = `${system}, ${platform.processor}, Node.js ${platform.node}`;
  const reasons = [...new Set(tests.filter(({ state }) => state === 'left out').map(({ reason }) => reason))];
  const leftOut = reasons.length === 0 ? '' : `; left out: ${reasons.join('; ')}`;
  return `- ${date.slice(0, 10)}, commit ${commit.slice(0, 7)}, ${what}: ${passed} tests passed, ${failed} failed${leftOut}`;
});
const table = [['promise', ...COLUMNS], ['---', ...COLUMNS.map(() => '--:')], ...rows].map(
  (row) => `| ${row.join(' | ')} |`,
);

const page = readFileSync(PAGE, 'utf8');
const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`docs/native-peers.md has no ${BEGIN} … ${END}`);
const text = `${page.slice(0, begin + BEGIN.length)}\n\n${table.join('\n')}\n\nThe runs:\n\n${where.join('\n')}\n\n${page.slice(end)}`;
writeFileSync(PAGE, await prettier.format(text, { ...(await prettier.resolveConfig(PAGE)), filepath: PAGE }));
