// What mocha prints by itself, and the same as JSON in the file that ENTROPYNET_TEST_RESULTS names.

import Mocha from 'mocha';
import { relative } from 'node:path';
import { writeResults } from './test-results.mjs';

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants;

/** Mocha takes a module's default export as the reporter. */
export default class ResultsReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.ENTROPYNET_TEST_RESULTS;
    if (!file) return;
    const started = Date.now();
    const tests = [];
    const record = (test, state, error) => {
      tests.push({
        file: test.file && relative(process.cwd(), test.file),
        title: test.fullTitle(),
        state,
        durationMs: test.duration ?? 0,
        ...(error && { error: error.stack ?? String(error.message ?? error) }),
      });
    };
    runner.on(EVENT_TEST_PASS, (test) => record(test, 'passed'));
    runner.on(EVENT_TEST_PENDING, (test) => record(test, 'left out'));
    runner.on(EVENT_TEST_FAIL, (test, error) => record(test, 'failed', error));
    runner.once(EVENT_RUN_END, () => writeResults(file, tests, started));
  }
}
