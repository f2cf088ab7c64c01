import { addBench } from '@entropynet/cli/internal/commands/bench';
import type { Terminal } from '@entropynet/cli/internal/support/terminal';
import { Command } from 'commander';

describe('an interrupted benchmark', () => {
  it('is no failure', async () => {
    const interruption = new AbortController();
    const program = new Command();
    addBench(program, { interrupted: interruption.signal } as Terminal);
    const running = program.parseAsync(['node', 'entropynet', 'bench', '--quick']);
    interruption.abort();
    await running;
  });
});
