// Writes the table of promises and pairs of languages in docs/native-peers.md from the results of real runs.
// Usage: node scripts/native-table.mjs RESULTS.json...
// docs/native-peers.md says how to make them. A pair that is in none of the files has empty cells.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as prettier from 'prettier';
import { readResults } from './test-results.mjs';
import { rootFolder } from './workspace.mjs';

const PAGE = join(rootFolder, 'docs', 'native-peers.md');
const BEGIN = '<!-- pairs:begin -->';
const END = '<!-- pairs:end -->';
const PROMISE = /\[([A-Z]+-\d+)\]/g;

/** The pairs, as client and server. */
const PAIRS = [
  ['Node.js', 'C'],
  ['C', 'Node.js'],
  ['Node.js', 'Python'],
  ['Python', 'Node.js'],
  ['C', 'C'],
  ['C', 'Python'],
  ['Python', 'C'],
  ['Python', 'Python'],
].map(([client, server]) => `${client} → ${server}`);

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
// Of a test that ran twice, the later run counts.
const states = new Map(runs.flatMap(({ tests }) => tests.map(({ title, state }) => [title, state])));
for (const [title, state] of states) {
  const pair = pairOf(title);
  if (pair === undefined || state === 'left out') continue;
  for (const [, promise] of title.matchAll(PROMISE)) {
    const key = `${promise} ${pair}`;
    const cell = cells.get(key) ?? { passed: 0, failed: 0 };
    cells.set(key, cell);
    cell[state] += 1;
  }
}

function cellOf(promise, pair) {
  const cell = cells.get(`${promise} ${pair}`);
  if (cell === undefined) return '';
  return cell.failed === 0 ? String(cell.passed) : `**${cell.failed} of ${cell.passed + cell.failed} failed**`;
}

const rows = order
  .map((promise) => [promise, ...PAIRS.map((pair) => cellOf(promise, pair))])
  .filter(([, ...values]) => values.some((value) => value !== ''));
const where = runs.map(({ date, commit, platform, passed, failed }) => {
  const what = `${platform.system}, ${platform.processor}, Node.js ${platform.node}`;
  return `- ${date.slice(0, 10)}, commit ${commit.slice(0, 7)}, ${what}: ${passed} tests passed, ${failed} failed`;
});
const table = [['promise', ...PAIRS], ['---', ...PAIRS.map(() => '--:')], ...rows].map(
  (row) => `| ${row.join(' | ')} |`,
);

const page = readFileSync(PAGE, 'utf8');
const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`docs/native-peers.md has no ${BEGIN} … ${END}`);
const text = `${page.slice(0, begin + BEGIN.length)}\n\n${table.join('\n')}\n\nThe runs:\n\n${where.join('\n')}\n\n${page.slice(end)}`;
writeFileSync(PAGE, await prettier.format(text, { ...(await prettier.resolveConfig(PAGE)), filepath: PAGE }));
