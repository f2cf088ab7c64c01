import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** What the user asked for. */
export interface Arguments {
  readonly file: string;
  readonly json: boolean;
  readonly help: boolean;
}

export const HELP = `Streams a scene from an engine process to an editor process while the editor uploads a file,
over shared memory, over WebSocket, and with shared memory out of reach.

Usage: npm start -- [--file PATH] [--json]

  --file PATH   what to upload (default: the running Node.js executable)
  --json        print one JSON object instead of the table
  --help        print this

Example: npm start -- --file README.md --json
`;

/** Reads the command line. Throws an `Error` with one sentence that says what is wrong. */
export function readArguments(argv: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    options: { file: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  const file = values.file ?? process.execPath;
  if (values.help !== true) checkFile(file);
  return { file, json: values.json === true, help: values.help === true };
}

function checkFile(path: string): void {
  const status = path === '' ? undefined : statSync(path, { throwIfNoEntry: false });
  if (status?.isFile() !== true) throw new Error(`--file was given '${path}', which is not a file`);
}
