import { PassThrough } from 'node:stream';
import { run, type Streams } from '@entropynet/cli';
import { type CommandEnd } from './command.js';

/** Runs a command line inside this process, which is far faster than a new process. */
export async function runInProcess(line: readonly string[], given: string | Uint8Array = ''): Promise<CommandEnd> {
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let [written, said] = ['', ''];
  output.on('data', (data: Buffer) => (written += data.toString()));
  errors.on('data', (data: Buffer) => (said += data.toString()));
  input.end(given);
  const streams = { stdin: input, stdout: output, stderr: errors } as unknown as Streams;
  const code = await run(['node', 'entropynet', ...line], streams);
  return { code, output: written, errors: said };
}
