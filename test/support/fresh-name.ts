import { randomUUID } from 'node:crypto';

/** Returns a name that nobody used before. */
export function freshName(): string {
  return `test-${randomUUID()}`;
}
