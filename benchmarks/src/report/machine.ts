import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { canPin } from '../pinning.js';

/** Where and when the figures were measured. */
export function machine(): string {
  const processors = cpus();
  const model = `${processors[0]?.model.trim() ?? 'unknown processor'}${family()}`;
  const pinning = canPin ? 'driver and peer pinned to a core each' : 'not pinned';
  const software = `kernel ${release()}, Node ${process.version}, commit ${commit()}`;
  return `${model}, ${processors.length} cores, ${pinning}, ${software}, ${new Date().toISOString().slice(0, 10)}`;
}

/** The numbers of the processor's kind, which a virtual machine may name no closer than "AMD EPYC". Only on x86 under Linux. */
function family(): string {
  try {
    const text = readFileSync('/proc/cpuinfo', 'utf8');
    const [number, model] = ['cpu family', 'model'].map(
      (key) => new RegExp(`^${key}\\s*: (\\d+)$`, 'm').exec(text)?.[1],
    );
    return number === undefined || model === undefined ? '' : ` (family ${number}, model ${model})`;
  } catch {
    return '';
  }
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
