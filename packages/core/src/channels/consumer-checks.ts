import type { ConsumerOptions, MessageConsumer } from '../api/channel.js';
import { checkOptions } from '../config/call-options.js';
import { kindOf } from '../result/kind-of.js';
import { printable } from '../result/printable.js';
import { type AnyOwnership, deliveryOf } from './incoming-half.js';

const CONSUMER_OPTIONS = { name: 'anything', ownership: 'anything', isPaused: 'true or false' } as const;

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
  const { ownership = 'copy' } = options;
  if (ownership !== 'copy' && ownership !== 'borrow') checkOwnership(ownership);
}

/** Throws a `TypeError` for a value that is not an ownership. */
export function checkOwnership(ownership: AnyOwnership): void {
  if (Object.hasOwn(deliveryOf, ownership)) return;
  const allowed = Object.keys(deliveryOf)
    .map((name) => `'${name}'`)
    .join(', ');
  const given: unknown = ownership;
  const shown = typeof given === 'string' ? `'${printable(given, 40)}'` : kindOf(given);
  throw new TypeError(`ownership is one of ${allowed}; ${shown} was given`);
}
