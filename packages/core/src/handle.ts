/**
 * What a handle is made of that stands for one connection after another. For `@entropynet/manager`; a program or a transport
 * needs none of it.
 *
 * @packageDocumentation
 */
export { ChannelObject, type ChannelOwner } from './channels/channel-object.js';
export { channelNotOpen, notConnected } from './channels/refusals.js';
export { ConnectionBase } from './lifecycle/connection-base.js';
export { hold, within } from './lifecycle/deadline.js';
export { GuardedEmitter } from './lifecycle/guarded-emitter.js';
export { Lifecycle, type LifecycleHooks } from './lifecycle/lifecycle.js';
