/**
 * The clocks, timers, warnings, memory and authentication codes of the platform, for the packages of EntropyNet. A test
 * framework or a preload script that replaces globals does not change them.
 *
 * @packageDocumentation
 */
export * from './clock.js';
export { type Flushable, flushAtExit } from './flush-at-exit.js';
export { hmacUnder } from '#hmac';
export { lengthOf, partOf } from './array-methods.js';
export { Heartbeat, type HeartbeatMember } from './heartbeat.js';
export { unwrittenBytes } from './long-memory.js';
export { KeyedRoster } from './roster.js';
export { entriesIn, isDictionary } from '../config/dictionary.js';
export { isSameBytes } from './same-bytes.js';
export { ignoreRejection, isThenable } from '../result/thenable.js';
export { warnOf } from './warning.js';
