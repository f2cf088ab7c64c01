import { accessSync, constants, statSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** What the user asked for. */
export interface Arguments {
  readonly file: string;
  readonly json: boolean;
  /** Whether there is a run over NATS, too. */
  readonly nats: boolean;
  readonly help: boolean;
}

export const HELP = `Streams a scene from an engine process to an editor process while the editor
uploads a file: over shared memory, over WebSocket, and with shared memory out
of the editor's reach.

Usage: npm start -- [--file PATH] [--nats] [--json]

  --file PATH   what to upload (default: the running Node.js executable)
  --nats        a fourth run over NATS, with a NATS server of its own on a free
                port; needs nats-server in PATH, or its path in NATS_SERVER
  --json        print one JSON object instead of the table
  --help        print this

Exit code: 0 when all arrived, 1 when something was lost or broke off,
2 for wrong arguments.

Example: npm start -- --file README.md --json
`;

const ALLOWED = 'allowed are --file PATH, --nats, --json and --help';

/** Reads the command line. Throws an `Error` with one sentence that says what was given and what is allowed. */
export function readArguments(argv: readonly string[]): Arguments {
  // Not strict, because the complaints of `parseArgs` name what was given and not what is allowed.
  const { values, tokens } = parseArgs({
    args: [...argv],
    options: {
      file: { type: 'string' },
      nats: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') throw new Error(`the argument '${token.value}' is unknown; ${ALLOWED}`);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (name === 'file' && value === undefined) throw new Error(`--file was given without a path; ${ALLOWED}`);
    if (name === 'file') continue;
    if (name !== 'nats' && name !== 'json' && name !== 'help')
      throw new Error(`the option '${rawName}' is unknown; ${ALLOWED}`);
    if (value !== undefined) throw new Error(`${rawName} was given the value '${value}' and takes none; ${ALLOWED}`);
  }
  const file = typeof values['file'] === 'string' ? values['file'] : process.execPath;
  const help = values['help'] === true;
  if (!help) checkFile(file);
  return { file, nats: values['nats'] === true, json: values['json'] === true, help };
}

function checkFile(path: string): void {
  const complain = (what: string): never => {
    throw new Error(`--file was given '${path}', ${what}; a file that can be read is allowed`);
  };
  if (path === '') complain('an empty path');
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) complain('which does not exist');
  else if (status.isDirectory()) complain('which is a directory');
  else if (!status.isFile()) complain('which is not a regular file');
  try {
    accessSync(path, constants.R_OK);
  } catch {
    complain('which may not be read');
  }
}
