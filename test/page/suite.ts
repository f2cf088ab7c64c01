import 'mocha/mocha.js';
import { describeTransport } from '@entropynet/conformance';
import type { TestResult } from '../browser/test-result.js';
import { natsPageFixture, pageFixture } from './fixture.js';
import { describeNatsPage } from './nats-page.js';

declare global {
  /** Prints a line, in the program that opened the page. */
  function printLine(line: string): Promise<void>;
  /** Tells the same program that the tests have ended. */
  function finish(tests: readonly TestResult[]): Promise<void>;
}

const FORMAT = /%[sd%]/g;

/** Formats like `console.log`, as far as the reporter needs it. */
function print(format: unknown = '', ...values: unknown[]): void {
  const line = String(format).replace(FORMAT, (what) => (what === '%%' ? '%' : String(values.shift())));
  void printLine([line, ...values.map(String)].join(' '));
}

const results: TestResult[] = [];

/** Prints like mocha's default reporter, and records the result of each test. */
class NotingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants;
    const note = (test: Mocha.Test, state: TestResult['state']): TestResult => ({
      title: test.fullTitle(),
      state,
      durationMs: test.duration ?? 0,
    });
    runner.on(EVENT_TEST_PASS, (test) => results.push(note(test, 'passed')));
    runner.on(EVENT_TEST_PENDING, (test) => results.push(note(test, 'left out')));
    runner.on(EVENT_TEST_FAIL, (test, error: Error) =>
      results.push({ ...note(test, 'failed'), error: error.stack ?? error.message }),
    );
  }
}

Mocha.reporters.Base.consoleLog = print;
Mocha.reporters.Base.useColors = false;
mocha.setup({ ui: 'bdd', reporter: NotingReporter, timeout: 20_000, forbidOnly: true, checkLeaks: true });
const query = new URLSearchParams(location.search);
await describeTransport('the client in a page', pageFixture);
await describeTransport('the client in a page, over NATS', natsPageFixture(query));
describeNatsPage(query);
mocha.run(() => {
  void finish(results);
});
