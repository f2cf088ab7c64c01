/**
 * What the packages use of the platform: its clocks, timers and warnings, which nothing that a test framework or a preload
 * script puts into the globals can change.
 *
 * @packageDocumentation
 */
export * from './clock.js';
export { warnOf } from './warning.js';
