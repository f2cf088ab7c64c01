/**
 * The command `entropynet`.
 *
 * @packageDocumentation
 */
export { run, type Streams } from './run.js';
export { ExitCode } from './support/command-failure.js';
