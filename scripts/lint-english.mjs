// Finds phrases that made readers stumble, wherever a person reads: documents, comments, errors, titles of tests.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootFolder } from './workspace.mjs';

/** What must not come back, each with plainer words. */
const PHRASES = [
  [/\bwhoever\b/i, 'name who it is: the peer, the caller, the program, another process'],
  [/\bfor want of\b/i, '"because there is no …"'],
  [/\b(?:can|can't|can not|cannot) be had\b/i, '"is available", "is not available"'],
  [/\bwhat there is\b/i, 'name it'],
  [/\bhow-manieth\b/i, '"on which occurrence"'],
  [/\bstops? to (?:read|answer|send)\b/i, '"stops reading"'],
  [/\b(?:which|that) come along\b/i, '"the built-in ones"'],
  [/\bshow it to who\b|\bwho operates\b/i, '"operators"'],
  [/(?:^|[.:;] )Who (?:[a-z]+s)\b(?![^.]*\?)/m, 'a noun as the subject: "a reader that polls"'],
  [/\bso much memory an?\b/i, '"the memory that …"'],
  [/\bis not waited for\b/i, '"nothing waits for it"'],
  [/\bkeeps nobody here\b/i, 'say what happens'],
  [/\bmay take away\b/i, '"is randomised"'],
  [/\bas a rule\b/i, '"usually", "the median"'],
  [/\bat worst, but for\b/i, '"the 99th percentile"'],
];

/** The same in documents, whose readers are new here. */
const PHRASES_OF_DOCUMENTS = [
  [/\b(?:is|are|was|were|be|been) told\b/i, 'say who reports: "the peer learns", "the event reports"'],
];

const READ_BY_PEOPLE = /\.(?:md|ts|mjs|js|cc|h|html|ya?ml|json)$/;
/** Past releases are quoted as they were; this file quotes what it forbids. */
const SKIPPED = /^(?:CHANGELOG\.md|package-lock\.json|scripts\/lint-english\.mjs|test\/packages\/fixtures\/)/;

const { stdout } = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: rootFolder,
  encoding: 'utf8',
  maxBuffer: 1 << 26,
});
const offences = stdout
  .split('\n')
  .filter((path) => READ_BY_PEOPLE.test(path) && !SKIPPED.test(path))
  .flatMap((path) => offencesIn(path));

function offencesIn(path) {
  const lines = readFileSync(join(rootFolder, path), 'utf8').split('\n');
  const phrases = path.endsWith('.md') ? [...PHRASES, ...PHRASES_OF_DOCUMENTS] : PHRASES;
  return lines.flatMap((line, index) =>
    phrases.flatMap(([pattern, instead]) => {
      const [found] = pattern.exec(line) ?? [];
      return found === undefined ? [] : [`${path}:${index + 1}: "${found.trim()}": ${instead}`];
    }),
  );
}

for (const offence of offences) process.stderr.write(`${offence}\n`);
if (offences.length > 0) process.exitCode = 1;
