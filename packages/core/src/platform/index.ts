/**
 * What the packages use of the platform: its clocks, timers, warnings and memory, which nothing that a test framework or a
 * preload script puts into the globals can change.
 *
 * @packageDocumentation
 */
export * from './clock.js';
export { type Flushable, flushAtExit } from './flush-at-exit.js';
export { Heartbeat, type HeartbeatMember } from './heartbeat.js';
export { unwrittenBytes } from './long-memory.js';
export { warnOf } from './warning.js';
