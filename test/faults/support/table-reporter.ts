import Mocha from 'mocha';
import { FAULT_CASES, type FaultCase } from './cases.js';
import { outcomes } from './fault-test.js';

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING, EVENT_SUITE_BEGIN } =
  Mocha.Runner.constants;

/** Prints each test as it runs, and finally a table: the case, the required outcome, the observed outcome. */
export class TableReporter extends Mocha.reporters.Base {
  readonly #rows: { readonly title: string; readonly seen: string }[] = [];

  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    runner.on(EVENT_SUITE_BEGIN, (suite) => {
      if (suite.title.startsWith('faults')) process.stderr.write(`… ${suite.title}\n`);
    });
    runner.on(EVENT_TEST_PASS, (test) => {
      this.#note(test.title, outcomes.get(test.title)?.outcome ?? 'as wanted');
    });
    runner.on(EVENT_TEST_PENDING, (test) => {
      this.#note(test.title, 'NOT RUN');
    });
    runner.on(EVENT_TEST_FAIL, (test, error: Error) => {
      this.#note(test.title, `FAILED: ${error.message}`);
    });
    runner.once(EVENT_RUN_END, () => {
      this.#print();
      this.epilogue();
    });
  }

  #note(title: string, seen: string): void {
    this.#rows.push({ title, seen: seen.replaceAll(/\s+/g, ' ') });
  }

  #print(): void {
    const numbers = Object.keys(FAULT_CASES) as FaultCase[];
    const covered = numbers.filter((number) => this.#of(number).length > 0);
    for (const number of numbers) {
      print(`\n${number.padEnd(4)} wanted: ${FAULT_CASES[number]}`);
      for (const { title, seen } of this.#of(number))
        print(`       ${title.replace(/^[^:]*: /, '')}\n           ${seen}`);
    }
    const others = this.#rows.filter(({ title }) => !/^[FHRL]\d/.test(title));
    const clean = others.filter(({ seen }) => seen === 'as wanted').length;
    print(`\nfiles after which nothing was left behind: ${clean} of ${others.length}`);
    print(`cases covered: ${covered.length} of ${numbers.length}`);
  }

  #of(number: FaultCase): readonly { readonly title: string; readonly seen: string }[] {
    return this.#rows.filter(({ title }) => title.slice(0, title.indexOf(':')).split(' ').includes(number));
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
