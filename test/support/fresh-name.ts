import { randomUUID } from 'node:crypto';

/** A name that nobody used before. */
export function freshName(): string {
  return `test-${randomUUID()}`;
}
