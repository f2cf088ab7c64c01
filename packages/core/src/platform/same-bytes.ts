/**
 * Returns whether both have the same bytes. Its duration depends only on the lengths, so that it reveals nothing about
 * a guessed code.
 */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}
