import { execFileSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { canPin } from '../pinning.js';

/** Where the figures are from. */
export function machine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  const pinning = canPin ? 'driver and peer pinned to a core each' : 'not pinned';
  return `${model}, ${processors.length} cores, ${pinning}, kernel ${release()}, Node ${process.version}, commit ${commit()}`;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
