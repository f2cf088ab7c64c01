/**
 * Parts of core for the handles of `@entropynet/manager`, which use one connection after another. Programs and
 * transports do not need it.
 *
 * @packageDocumentation
 */
export { ChannelObject, type ChannelOwner } from './channels/channel-object.js';
export { channelNotOpen, notConnected } from './channels/refusals.js';
export { warningGuard } from './lifecycle/callback-guard.js';
export { ConnectionBase } from './lifecycle/connection-base.js';
export { type EarlyEnd, hold, within } from './lifecycle/deadline.js';
export { GuardedEmitter } from './lifecycle/guarded-emitter.js';
export { Lifecycle, type LifecycleHooks } from './lifecycle/lifecycle.js';
