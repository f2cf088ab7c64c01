/** The chapters that look into the file system have no part in a page. */
export function readdirSync(): never {
  throw new Error('a page has no file system');
}
