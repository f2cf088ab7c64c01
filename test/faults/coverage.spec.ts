import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { FAULT_CASES } from './support/cases.js';

describe('the list of faults', () => {
  const sources = readdirSync(new URL('.', import.meta.url))
    .filter((name) => name.endsWith('.spec.js'))
    .map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'));

  it('has a test for each case', () => {
    const text = sources.join('\n');
    const missing = Object.keys(FAULT_CASES).filter((number) => !text.includes(`'${number}'`));
    expect(missing).to.deep.equal([]);
  });

  it('equals the documentation', () => {
    const page = readFileSync(new URL('../../../docs/faults.md', import.meta.url), 'utf8');
    for (const [number, wanted] of Object.entries(FAULT_CASES)) {
      expect(page, number).to.match(new RegExp(`\\| ${number} +\\|[^|]+\\| ${escape(wanted)} +\\|`));
    }
  });
});

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
