import { removeLeftovers } from '@entropynet/transport-shm';
import { type Command } from 'commander';
import { CommandFailure, expectOk } from '../support/command-failure.js';
import { checkDirectory } from '../support/paths.js';
import { print, printJson, tell, type Terminal } from '../support/terminal.js';

interface CleanOptions {
  readonly directory?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `entropynet clean` removes the files of servers that died, and nothing else. */
export function addClean(program: Command, terminal: Terminal): void {
  program
    .command('clean')
    .description('Remove the files that dead servers left behind, and nothing else.')
    .option('--directory <path>', 'the directory with the servers of this machine')
    .option('--dry-run', 'only print the files that would be removed')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Example:
  entropynet clean --dry-run`,
    )
    .action((options: CleanOptions) => clean(terminal, options));
}

async function clean(terminal: Terminal, { directory, dryRun, json }: CleanOptions): Promise<void> {
  checkDirectory(directory);
  const leftovers = expectOk(
    await removeLeftovers({ ...(directory !== undefined && { directory }), dryRun: dryRun === true }),
  );
  if (json === true) printJson(terminal, leftovers, 2);
  else {
    for (const path of leftovers.removed) print(terminal, `${dryRun === true ? 'would remove' : 'removed'} ${path}`);
    const files = `${leftovers.removed.length} file${leftovers.removed.length === 1 ? '' : 's'} of dead servers`;
    tell(terminal, `${leftovers.directory}: ${files}, ${leftovers.living} living`);
  }
  for (const { path, reason } of leftovers.failed) tell(terminal, `${path} could not be removed: ${reason}`);
  if (leftovers.failed.length > 0) throw new CommandFailure(`${leftovers.failed.length} files could not be removed`);
}
