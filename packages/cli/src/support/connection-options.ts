import { readFileSync } from 'node:fs';
import { type ConnectionConfig } from '@entropynet/core';
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
import { tell, type Terminal } from './terminal.js';

/** What every command that opens a connection takes. */
export interface ConnectionOptions {
  readonly backend?: string;
  readonly fallback?: readonly string[];
  readonly config?: string;
  readonly secretFile?: string;
  readonly directory?: string;
  readonly timeout?: number;
}

/** Adds the endpoint and the options of a connection to a command. */
export function addConnectionOptions(command: Command): Command {
  return command
    .argument('<endpoint>', 'a name on this machine, shm://name, ws://host:port/path or wss://…')
    .option('-b, --backend <name>', 'shared-memory, websocket, or auto', 'auto')
    .option('-f, --fallback <endpoint...>', 'further endpoints: a client tries them in order, a server listens on all')
    .option('-c, --config <file>', 'a JSON file with further configuration; what is given here goes before it')
    .option(
      '--secret-file <file>',
      'a file with the secret that both sides must have (a command line is seen by others)',
    )
    .option('--directory <path>', 'where servers on this machine are found')
    .option('--timeout <ms>', 'how long connecting may take', wholeNumber(1));
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
  const sharedMemory = {
    ...file.sharedMemory,
    ...(options.directory !== undefined && { directory: options.directory }),
  };
  return {
    ...file,
    endpoint,
    sharedMemory,
    ...(options.backend !== undefined && options.backend !== 'auto' && { backend: options.backend }),
    ...(options.fallback !== undefined && { fallback: [...options.fallback] }),
    ...(options.timeout !== undefined && { connectTimeoutMs: options.timeout }),
    ...(options.secretFile !== undefined && { secret: readText(options.secretFile).trim() }),
  };
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
  tell(terminal, `connected to ${endpoint} over ${backend}`);
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
  tell(terminal, `listening on ${server.addresses().join(', ')}`);
  return server;
}

function readConfig(path: string): Partial<ConnectionConfig> {
  const text = readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${path} is not JSON: ${(error as Error).message}`, ExitCode.Usage);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CommandFailure(`${path} has to hold one JSON object`, ExitCode.Usage);
  return value;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandFailure(`${path} can't be read: ${(error as Error).message}`, ExitCode.Usage);
  }
}
