import type { ConsumerOptions, MessageConsumer } from '../api/channel.js';
import { checkOptions } from '../config/call-options.js';
import { kindOf } from '../result/kind-of.js';
import { printable } from '../result/printable.js';
import { deliveryOf } from './incoming-half.js';

const CONSUMER_OPTIONS = {
  name: 'anything',
  ownership: 'anything',
  isPaused: 'true or false',
  unreadFirst: 'true or false',
} as const;

/** `onMessage` of a consumer has one argument, so it can't read in place. */
const CONSUMER_OWNERSHIPS = ['copy', 'borrow'];

/** Throws for a value that is not a consumer, and for unknown options. */
export function checkConsumer(consumer: MessageConsumer, options: ConsumerOptions): void {
  const { onMessage } = (consumer as Partial<MessageConsumer> | null | undefined) ?? {};
  if (typeof onMessage !== 'function') {
    const given =
      typeof consumer === 'object' && consumer !== null ? `one with ${kindOf(onMessage)}` : kindOf(consumer);
    throw new TypeError(`a consumer has a method onMessage; ${given} was given`);
  }
  checkOptions('take()', options, CONSUMER_OPTIONS);
  const name: unknown = (options as ConsumerOptions | undefined)?.name;
  if (typeof name !== 'string') throw new TypeError(`a consumer's name is a string; ${kindOf(name)} was given`);
  checkOwnership(options.ownership ?? 'copy', CONSUMER_OWNERSHIPS);
}

/** Throws a `TypeError` for a value that is none of the allowed ownerships, by default those of a callback. */
export function checkOwnership(ownership: unknown, allowed: readonly string[] = Object.keys(deliveryOf)): void {
  if (allowed.includes(ownership as string)) return;
  const names = allowed.map((name) => `'${name}'`).join(', ');
  const shown = typeof ownership === 'string' ? `'${printable(ownership, 40)}'` : kindOf(ownership);
  throw new TypeError(`ownership is one of ${names}; ${shown} was given`);
}
