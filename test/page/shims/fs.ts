/** The chapters that read the file system do not run in a page. */
export function readdirSync(): never {
  throw new Error('a page has no file system');
}
