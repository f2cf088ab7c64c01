import {
  err,
  kindOf,
  ok,
  printable,
  redactEndpoint,
  type ResolvedConnectionConfig,
  type Result,
} from '@entropynet/core';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 4222;
/**
 * The words of a subject. NATS allows more characters; these are also safe in a URL and in the permissions of a server.
 */
const SERVICE = /^[\w-]+(?:[./][\w-]+)*$/;

/** The parts of a `nats://` endpoint. */
export interface NatsAddress {
  /** In the form of `node:net`: without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** In the form of the endpoint. */
  readonly service: string;
  /** From the user information; undefined if there is none. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Parses an endpoint. `InvalidParameter`: another scheme, no URL, or a service that can't be a subject. */
export function parseNatsAddress(endpoint: string): Result<NatsAddress> {
  if (typeof endpoint !== 'string')
    return err(
      'InvalidParameter',
      `an address is a string like 'nats://host:port/service'; ${kindOf(endpoint)} was given`,
    );
  const text = endpoint.replace(/^nats:\/\/(?=[:/]|$)/i, `nats://${DEFAULT_HOST}`);
  if (!/^nats:\/\//i.test(text)) return invalid(endpoint, 'it is not a NATS URL');
  // `URL` does not know the scheme. With `http:` it applies its rules for hosts and ports.
  const url = text.replace(/^nats:/i, 'http:');
  const port = portOf(text);
  if (port > 65_535) return invalid(endpoint, `its port is ${port}, and ports end at 65535`);
  if (!URL.canParse(url)) return invalid(endpoint, 'it is not a NATS URL');
  const { hostname, pathname, hash, search, username: encodedUser, password: encodedPassword } = new URL(url);
  if (hash !== '' || search !== '') return invalid(endpoint, 'a NATS URL has no query and no fragment');
  const service = pathname.slice(1);
  if (!SERVICE.test(service)) {
    const named = service === '' ? 'it names no service' : `'${printable(service, 60)}' can't be a service`;
    return invalid(endpoint, `${named}: words of letters, digits, _ and - are allowed, with / or . between them`);
  }
  const [user, password] = [decoded(encodedUser), decoded(encodedPassword)];
  if (user === undefined || password === undefined)
    return invalid(endpoint, 'its user information is not well encoded');
  return ok({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    service,
    user: user === '' ? undefined : user,
    password: password === '' ? undefined : password,
  });
}

/** Returns the subject on which the servers of a service receive requests. */
export function serviceSubject({ service }: NatsAddress, { nats }: ResolvedConnectionConfig): string {
  return `${nats.subjectPrefix}.${service.replaceAll('/', '.')}`;
}

/** Returns the address for people, as in an error. */
export function shownAddress({ host, port, service }: NatsAddress): string {
  return `nats://${formatHostPort(host, port)}/${service}`;
}

/** Returns `host:port`, for people and for URLs. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Reads the port from the text, because `URL` removes the default port of its scheme. */
function portOf(text: string): number {
  const authority = /^nats:\/\/([^/]*)/i.exec(text)?.[1] ?? '';
  const port = /:(\d+)$/.exec(authority.slice(authority.lastIndexOf('@') + 1))?.[1];
  return port === undefined ? DEFAULT_PORT : Number(port);
}

function invalid(endpoint: string, reason: string): Result<NatsAddress> {
  return err(
    'InvalidParameter',
    `'endpoint' was given '${redactEndpoint(endpoint)}': ${reason}; an address like 'nats://host:port/service' is expected`,
  );
}
