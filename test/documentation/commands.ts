import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './pages.js';

/** The commands of `npm` that the documentation uses. */
const OWN_COMMANDS = new Set(['ci', 'i', 'init', 'install', 'exec', 'pack', 'pkg']);

/** Returns the faults of a shell script: wrong syntax, or a missing npm script or program. */
export function complaintsAboutScript(code: string): string[] {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' });
  const complaints = status === 0 ? [] : [stderr.trim()];
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const [, npm = '', parameter = ''] of code.matchAll(/^[^#\n]*?\b(npm run|npm|npx) +(?:-\S+ +)*([\w:-]+)/gm)) {
    if (npm === 'npx') {
      if (!existsSync(join(ROOT, 'node_modules', '.bin', parameter))) complaints.push(`there is no ${parameter}`);
    } else if (!(parameter in scripts) && (npm === 'npm run' || !OWN_COMMANDS.has(parameter))) {
      complaints.push(`package.json has no script ${parameter}`);
    }
  }
  return complaints;
}
