/** How a test ended, as `scripts/test-results.mjs` takes it. */
export interface TestResult {
  /** With those of its suites. */
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'left out';
  readonly durationMs: number;
  /** What was thrown, with its stack. */
  readonly error?: string;
}
