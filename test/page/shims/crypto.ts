/** The part of `node:crypto` that the suite uses. */
export function randomUUID(): string {
  return crypto.randomUUID();
}
