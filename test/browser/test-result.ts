/** The result of a test, in the form that `scripts/test-results.mjs` takes. */
export interface TestResult {
  /** The titles of its suites and its own. */
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'left out';
  readonly durationMs: number;
  /** The thrown error, with its stack. */
  readonly error?: string;
}
