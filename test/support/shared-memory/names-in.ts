import { readdirSync } from 'node:fs';

/** Windows can't lock a directory, so a file in it has the lock. It stays. */
const STAYING_LOCK = process.platform === 'win32' ? 'directory.lock' : '';

/** The names that servers have made in a discovery directory and below. */
export function namesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name !== STAYING_LOCK);
}
