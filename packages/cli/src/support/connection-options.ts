import { type ConnectionConfig, redactEndpoint } from '@entropynet/core';
import {
  type ConnectionHandle,
  type ConnectionManager,
  createNetworking,
  type ManagedServer,
  type Selection,
} from '@entropynet/manager';
import { natsTransportModule } from '@entropynet/transport-nats';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { type Command, InvalidArgumentError } from 'commander';
import { expectOk } from './command-failure.js';
import { shownAddresses } from './server-addresses.js';
import { tell, type Terminal } from './terminal.js';

/** The options of every command that opens a connection. */
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
  readonly creds?: string;
  readonly nkey?: string;
  readonly header?: readonly string[];
  readonly origin?: readonly string[];
}

/** The variable of the environment with the secret, if no file is named. */
export const SECRET_VARIABLE = 'ENTROPYNET_SECRET';

/** The longest time of a timer of Node.js, in milliseconds. */
export const LONGEST_MS = 2 ** 31 - 1;

/** Adds the endpoint and the options of a connection to a command. */
export function addConnectionOptions(command: Command): Command {
  return addTransportOptions(
    command.argument(
      '<endpoint>',
      'a name on this machine, shm://name, ws://host:port/path, wss://… or nats://host:port/service',
    ),
  )
    .option(
      '-b, --backend <name>',
      'shared-memory, websocket, nats, or auto, which takes the first that works (the default)',
    )
    .option(
      '-f, --fallback <endpoint>',
      'a further endpoint, repeatable: a client tries them in order, a server listens on all',
      listed,
    );
}

/** Adds the options of a connection to one endpoint. */
export function addTransportOptions(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      'a JSON file with further configuration; options of the command line take precedence',
    )
    .option(
      '--secret-file <file>',
      `a file with the secret that both sides must have; without it, ${SECRET_VARIABLE} of the environment`,
    )
    .option('--directory <path>', 'the directory with the servers of this machine')
    .option('--timeout <ms>', 'the time limit for connecting', wholeNumber(1, LONGEST_MS))
    .option('--ca <file>', 'for wss:// and nats://: the certificates of trusted authorities, as PEM')
    .option('--cert <file>', "for wss:// and nats://: this side's certificate, as PEM")
    .option('--key <file>', "for wss:// and nats://: the certificate's private key, as PEM")
    .option('--creds <file>', 'for nats://: a credentials file (.creds)')
    .option('--nkey <file>', 'for nats://: a file with the seed of an NKey');
}

/** Adds the options that only a connecting command has. */
export function addClientOptions(command: Command): Command {
  return command.option(
    '-H, --header <header>',
    "for ws://: 'Name: value', repeatable; '@file' reads one from each line of a file, because other users can see a command line",
    listed,
  );
}

/** Adds the options that only a listening command has. */
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
      const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
      throw new InvalidArgumentError(`'${text}' is not a whole number ${range}.`);
    }
    return value;
  };
}

/** Runs `work` with a manager of all transports, and closes everything afterwards. */
export async function withManager<T>(terminal: Terminal, work: (manager: ConnectionManager) => Promise<T>): Promise<T> {
  const networking = await createNetworking({
    transports: [sharedMemoryTransportModule, webSocketTransportModule, natsTransportModule],
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

/** Returns a connected handle, and reports its transport. */
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

/** Returns a listening server, and reports its addresses. */
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
