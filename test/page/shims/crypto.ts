/** What the suite uses of `node:crypto`. */
export function randomUUID(): string {
  return crypto.randomUUID();
}
