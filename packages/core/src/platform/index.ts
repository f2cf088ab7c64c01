/**
 * What the packages use of the platform: its clocks, timers, warnings, memory and authentication codes, which nothing that a test
 * framework or a preload script puts into the globals can change.
 *
 * @packageDocumentation
 */
export * from './clock.js';
export { type Flushable, flushAtExit } from './flush-at-exit.js';
export { hmacUnder } from '#hmac';
export { Heartbeat, type HeartbeatMember } from './heartbeat.js';
export { unwrittenBytes } from './long-memory.js';
export { isSameBytes } from './same-bytes.js';
export { warnOf } from './warning.js';
