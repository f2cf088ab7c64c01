import { readFileSync } from 'node:fs';
import { type ConnectionConfig, resolveConnectionConfig } from '@entropynet/core';
import { CommandFailure, ExitCode } from './command-failure.js';
import { type ConnectionOptions, SECRET_VARIABLE } from './connection-options.js';
import { reasonOf } from './paths.js';

const WEB_SOCKET = /^wss?:/i;
const NATS = /^nats:/i;
/** A name without a scheme is an endpoint of shared memory, too. */
const SHARED_MEMORY = /^(?!wss?:|nats:)/i;

/** The options that only some schemes use. */
const OPTIONS_OF_SCHEMES = [
  { keys: ['header', 'origin'], schemes: [WEB_SOCKET], shown: 'ws:// and wss://' },
  { keys: ['ca', 'cert', 'key'], schemes: [WEB_SOCKET, NATS], shown: 'wss:// and nats://' },
  { keys: ['creds', 'nkey'], schemes: [NATS], shown: 'nats://' },
  { keys: ['directory'], schemes: [SHARED_MEMORY], shown: 'shared-memory' },
] as const;

/** Returns the configuration of a command line. */
export function configOf(endpoint: string, options: ConnectionOptions): ConnectionConfig {
  const file = options.config === undefined ? {} : readConfig(options.config);
  const secret = secretOf(options);
  const endpoints = [endpoint, ...listOf(options.fallback ?? file.fallback)];
  const config = {
    ...file,
    endpoint,
    ...sectionOf('sharedMemory', file, options.directory === undefined ? {} : { directory: options.directory }),
    ...sectionOf('webSocket', file, webSocketOf(file.webSocket, options, endpoints)),
    ...sectionOf('nats', file, natsOf(file.nats, options, endpoints)),
    ...(options.backend !== undefined && { backend: options.backend }),
    ...(options.fallback !== undefined && { fallback: [...options.fallback] }),
    ...(options.timeout !== undefined && { connectTimeoutMs: options.timeout }),
    ...(secret !== undefined && { secret }),
  };
  checkConfig(config, options);
  return config;
}

/** The names of the certificates in both sections. */
interface Certificates {
  certificateAuthority?: string;
  certificate?: string;
  privateKey?: string;
}

/** Returns a section of the file, with the additions of the command line. */
function sectionOf<Key extends 'sharedMemory' | 'webSocket' | 'nats'>(
  key: Key,
  file: Partial<ConnectionConfig>,
  added: object,
): Pick<ConnectionConfig, Key> | undefined {
  const section = Object.keys(added).length > 0 ? withAdded(file[key], added) : file[key];
  return section === undefined ? undefined : ({ [key]: section } as Pick<ConnectionConfig, Key>);
}

/** Returns an object of the file with additions. Another value stays unchanged, and the check names it. */
function withAdded(given: unknown, added: object): unknown {
  return given === undefined || isRecord(given) ? { ...given, ...added } : given;
}

/** Checks the configuration before anything is tried. An error about the secret names the source of the secret. */
function checkConfig(config: ConnectionConfig, options: ConnectionOptions): void {
  const resolved = resolveConnectionConfig(config);
  if (!resolved.ok) {
    const { message } = resolved.error;
    const place =
      message.includes("'secret'") && config.secret !== undefined ? `; the secret is from ${sourceOf(options)}` : '';
    throw new CommandFailure(`${message}${place} (InvalidParameter)`, ExitCode.Usage);
  }
  const endpoints = [resolved.value.endpoint, ...resolved.value.fallback];
  for (const { keys, schemes, shown } of OPTIONS_OF_SCHEMES) {
    const useless = keys.find((key) => options[key] !== undefined);
    if (useless !== undefined && !schemes.some((scheme) => isNamed(endpoints, scheme)))
      throw new CommandFailure(`--${useless} is for ${shown} endpoints, and none was given`, ExitCode.Usage);
  }
}

function secretOf({ secretFile }: ConnectionOptions): string | undefined {
  if (secretFile !== undefined) return readText(secretFile).trim();
  const secret = process.env[SECRET_VARIABLE];
  return secret === '' ? undefined : secret;
}

/** Returns the source of the secret of a configuration that has one. */
function sourceOf({ secretFile, config = 'nowhere' }: ConnectionOptions): string {
  if (secretFile !== undefined) return secretFile;
  return secretOf({}) === undefined ? config : `${SECRET_VARIABLE} of the environment`;
}

function natsOf(
  file: ConnectionConfig['nats'],
  options: ConnectionOptions,
  endpoints: readonly unknown[],
): NonNullable<ConnectionConfig['nats']> {
  const { creds, nkey } = options;
  return {
    ...(isNamed(endpoints, NATS) && tlsOf(file, options)),
    ...(creds !== undefined && { credentials: readText(creds) }),
    ...(nkey !== undefined && { nkeySeed: readText(nkey).trim() }),
  };
}

function webSocketOf(
  file: ConnectionConfig['webSocket'],
  options: ConnectionOptions,
  endpoints: readonly unknown[],
): NonNullable<ConnectionConfig['webSocket']> {
  const { header, origin } = options;
  return {
    ...(isNamed(endpoints, WEB_SOCKET) && tlsOf(file, options)),
    ...(header !== undefined && { headers: withAdded(file?.headers, headersOf(header)) as Record<string, string> }),
    ...(origin !== undefined && { allowedOrigins: [...origin] }),
  };
}

/** Returns nothing without an option for TLS, because a section with one may turn TLS on. */
function tlsOf<Tls extends object>(
  file: { readonly tls?: Tls | undefined } | undefined,
  { ca, cert, key }: ConnectionOptions,
): { tls?: Partial<Tls> & Certificates } {
  const given: Certificates = {
    ...(ca !== undefined && { certificateAuthority: readText(ca) }),
    ...(cert !== undefined && { certificate: readText(cert) }),
    ...(key !== undefined && { privateKey: readText(key) }),
  };
  return Object.keys(given).length > 0 ? { tls: withAdded(file?.tls, given) as Partial<Tls> & Certificates } : {};
}

/** Whether one of the endpoints has the scheme. The endpoints of a file may be any values. */
function isNamed(endpoints: readonly unknown[], scheme: RegExp): boolean {
  return endpoints.some((each) => typeof each === 'string' && scheme.test(each));
}

/** Returns the list. Another value stays for the check of the configuration. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
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

/** Returns the non-empty lines of a file, each with its place. */
function linesOf(file: string): { text: string; place: string }[] {
  return readText(file)
    .split(/\r?\n/)
    .map((text, index) => ({ text, place: `line ${index + 1} of ${file}` }))
    .filter(({ text }) => text.trim() !== '');
}

function readConfig(path: string): Partial<ConnectionConfig> {
  const text = readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${path} is not JSON${placeIn(error as Error)}`, ExitCode.Usage);
  }
  if (!isRecord(value)) throw new CommandFailure(`${path} must contain one JSON object`, ExitCode.Usage);
  return value;
}

/**
 * Returns the place of the fault in a text that is no JSON. V8 quotes the text around some of these places, and that
 * may be a secret.
 */
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
