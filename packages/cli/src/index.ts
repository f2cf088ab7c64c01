/**
 * The command `entropynet`.
 *
 * @packageDocumentation
 */
export { run } from './run.js';
export { ExitCode } from './support/command-failure.js';
