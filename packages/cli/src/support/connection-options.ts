import { readFileSync } from 'node:fs';
import { type ConnectionConfig, redactEndpoint, resolveConnectionConfig } from '@entropynet/core';
import {
  type ConnectionHandle,
  type ConnectionManager,
  createNetworking,
  type ManagedServer,
  type Selection,
} from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { type Command, InvalidArgumentError } from 'commander';
import { CommandFailure, ExitCode, expectOk } from './command-failure.js';
import { reasonOf } from './paths.js';
import { shownAddresses } from './server-addresses.js';
import { tell, type Terminal } from './terminal.js';

/** What every command that opens a connection takes. */
export interface ConnectionOptions {
  readonly backend?: string;
  readonly fallback?: readonly string[];
  readonly config?: string;
  readonly secretFile?: string;
  readonly directory?: string;
  readonly timeout?: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly header?: readonly string[];
  readonly origin?: readonly string[];
}

/** The secret, where no file is named. */
const SECRET_VARIABLE = 'ENTROPYNET_SECRET';

/** The longest time that a timer of Node.js holds, in milliseconds. */
export const LONGEST_MS = 2 ** 31 - 1;

/** Adds the endpoint and the options of a connection to a command. */
export function addConnectionOptions(command: Command): Command {
  return command
    .argument('<endpoint>', 'a name on this machine, shm://name, ws://host:port/path or wss://…')
    .option('-b, --backend <name>', 'shared-memory, websocket, or auto, which takes the first that works (the default)')
    .option(
      '-f, --fallback <endpoint>',
      'a further endpoint, repeatable: a client tries them in order, a server listens on all',
      listed,
    )
    .option(
      '-c, --config <file>',
      'a JSON file with further configuration; options of the command line take precedence',
    )
    .option(
      '--secret-file <file>',
      `a file with the secret that both sides must have; without it, ${SECRET_VARIABLE} of the environment`,
    )
    .option('--directory <path>', 'where servers on this machine are found')
    .option('--timeout <ms>', 'how long connecting may take', wholeNumber(1, LONGEST_MS))
    .option('--ca <file>', 'for wss://: the certificates of authorities that are trusted, as PEM')
    .option('--cert <file>', "for wss://: this side's certificate, as PEM")
    .option('--key <file>', "for wss://: the certificate's private key, as PEM");
}

/** Adds what only a command that connects takes. */
export function addClientOptions(command: Command): Command {
  return command.option(
    '-H, --header <header>',
    "for ws://: 'Name: value', repeatable; '@file' reads one from each line of a file, because other users can see a command line",
    listed,
  );
}

/** Adds what only a command that listens takes. */
export function addServerOptions(command: Command): Command {
  return command.option('--origin <origin>', 'for ws://: the origin of web pages that may connect, repeatable', listed);
}

function listed(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** Parses a whole number from `least` on. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least || value > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
      throw new InvalidArgumentError(`'${text}' is not a whole number ${range}.`);
    }
    return value;
  };
}

/** The configuration that a command line asks for. */
export function configOf(endpoint: string, options: ConnectionOptions): ConnectionConfig {
  const file = options.config === undefined ? {} : readConfig(options.config);
  const secret = secretOf(options);
  const config = {
    ...file,
    endpoint,
    ...sectionOf('sharedMemory', file, options.directory === undefined ? {} : { directory: options.directory }),
    ...sectionOf('webSocket', file, webSocketOf(file.webSocket, options)),
    ...(options.backend !== undefined && { backend: options.backend }),
    ...(options.fallback !== undefined && { fallback: [...options.fallback] }),
    ...(options.timeout !== undefined && { connectTimeoutMs: options.timeout }),
    ...(secret !== undefined && { secret }),
  };
  checkConfig(config, options);
  return config;
}

/** A section of the file with what the command line adds. One that is no object stays as it is: the check names it. */
function sectionOf<Key extends 'sharedMemory' | 'webSocket'>(
  key: Key,
  file: Partial<ConnectionConfig>,
  added: object,
): Pick<ConnectionConfig, Key> | undefined {
  const given: unknown = file[key];
  const isMerged = Object.keys(added).length > 0 && (given === undefined || isRecord(given));
  const section: unknown = isMerged ? { ...(given as object | undefined), ...added } : given;
  return section === undefined ? undefined : ({ [key]: section } as Pick<ConnectionConfig, Key>);
}

/** Says what is wrong before anything is tried, and where a secret comes from that is not in the command line. */
function checkConfig(config: ConnectionConfig, { secretFile, header, origin }: ConnectionOptions): void {
  const resolved = resolveConnectionConfig(config);
  if (!resolved.ok) {
    const { message } = resolved.error;
    const source = secretFile ?? `${SECRET_VARIABLE} of the environment`;
    const place = message.includes("'secret'") && config.secret !== undefined ? `; the secret is from ${source}` : '';
    throw new CommandFailure(`${message}${place} (InvalidParameter)`, ExitCode.Usage);
  }
  const { endpoint, fallback } = resolved.value;
  if ((header ?? origin) === undefined || [endpoint, ...fallback].some((each) => /^wss?:/i.test(each))) return;
  const option = header === undefined ? '--origin' : '--header';
  throw new CommandFailure(`${option} is for ws:// and wss://, and no endpoint begins so`, ExitCode.Usage);
}

function secretOf({ secretFile }: ConnectionOptions): string | undefined {
  if (secretFile !== undefined) return readText(secretFile).trim();
  const secret = process.env[SECRET_VARIABLE];
  return secret === '' ? undefined : secret;
}

function webSocketOf(
  file: ConnectionConfig['webSocket'],
  { ca, cert, key, header, origin }: ConnectionOptions,
): NonNullable<ConnectionConfig['webSocket']> {
  const tls = {
    ...(ca !== undefined && { certificateAuthority: readText(ca) }),
    ...(cert !== undefined && { certificate: readText(cert) }),
    ...(key !== undefined && { privateKey: readText(key) }),
  };
  return {
    ...(Object.keys(tls).length > 0 && { tls: { ...file?.tls, ...tls } }),
    ...(header !== undefined && { headers: { ...file?.headers, ...headersOf(header) } }),
    ...(origin !== undefined && { allowedOrigins: [...origin] }),
  };
}

function headersOf(given: readonly string[]): Record<string, string> {
  const headers = given.flatMap((each, index) =>
    each.startsWith('@') ? linesOf(each.slice(1)) : [{ text: each, place: `--header number ${index + 1}` }],
  );
  return Object.fromEntries(
    headers.map(({ text, place }) => {
      const [, name, value] = /^([^\s:]+):\s*(.*)$/.exec(text) ?? [];
      // The line itself may be a secret.
      if (name === undefined || value === undefined)
        throw new CommandFailure(`${place} is not 'Name: value'`, ExitCode.Usage);
      return [name, value.trim()];
    }),
  );
}

/** The lines of a file that are not empty, and where each stands. */
function linesOf(file: string): { text: string; place: string }[] {
  return readText(file)
    .split(/\r?\n/)
    .map((text, index) => ({ text, place: `line ${index + 1} of ${file}` }))
    .filter(({ text }) => text.trim() !== '');
}

/** Runs `work` with a manager of both transports and closes everything afterwards. */
export async function withManager<T>(terminal: Terminal, work: (manager: ConnectionManager) => Promise<T>): Promise<T> {
  const networking = await createNetworking({
    transports: [sharedMemoryTransportModule, webSocketTransportModule],
    log: (line) => {
      tell(terminal, line);
    },
  });
  try {
    return await work(networking.manager);
  } finally {
    await networking.close();
  }
}

/** A connected handle; says over what. */
export async function connectTo(
  terminal: Terminal,
  manager: ConnectionManager,
  config: ConnectionConfig,
): Promise<ConnectionHandle> {
  const handle = expectOk(manager.openConnection(config));
  expectOk(await handle.connect({ signal: terminal.interrupted }));
  const { backend, endpoint } = handle.getSelection() as Selection;
  tell(terminal, `connected to ${redactEndpoint(endpoint)} over ${backend}`);
  return handle;
}

/** A server that listens; says where. */
export async function serveAt(
  terminal: Terminal,
  manager: ConnectionManager,
  config: ConnectionConfig,
): Promise<ManagedServer> {
  const server = expectOk(manager.createServer(config));
  expectOk(await server.listen());
  tell(terminal, `listening on ${shownAddresses(server.addresses(), config).join(', ')}`);
  return server;
}

function readConfig(path: string): Partial<ConnectionConfig> {
  const text = readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${path} is not JSON${placeIn(error as Error)}`, ExitCode.Usage);
  }
  if (!isRecord(value)) throw new CommandFailure(`${path} has to hold one JSON object`, ExitCode.Usage);
  return value;
}

/** Where a text is no JSON. V8 quotes the text around some of these places, and that may be a secret. */
function placeIn({ message }: Error): string {
  const place = /^Unexpected token '..?'|^[^"]* at position \d+|^Unexpected end of JSON input/su.exec(message)?.[0];
  return place === undefined ? '' : `: ${place}`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandFailure(`${path} can't be read: ${reasonOf(error)}`, ExitCode.Usage);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
