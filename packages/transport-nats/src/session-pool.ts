import { err, NetworkError, ok, type ResolvedConnectionConfig, type Result } from '@entropynet/core';
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from '@nats-io/nats-core';
import { openNatsConnection } from '#nats-client';
import { formatHostPort, type NatsAddress } from './nats-address.js';
import { dialErrorOf, reasonOf } from './nats-errors.js';
import type { Lane } from './nats-protocol.js';
import { NatsSession } from './nats-session.js';
import { unlessAborted } from './unless-aborted.js';

/** The use of a shared NATS connection by one user. */
export interface SessionLease {
  readonly session: NatsSession;
  /** Sets whether this use keeps the process alive. */
  setReferenced(isReferenced: boolean): void;
  /** Ends the use. The last one closes the NATS connection. */
  release(): void;
}

/** A NATS connection and its users. */
interface Entry {
  readonly opening: Promise<Result<NatsSession>>;
  readonly users: Set<{ isReferenced: boolean }>;
  session: NatsSession | undefined;
}

/** The NATS connections of this thread, by the options in which they differ. */
const entries = new Map<string, Entry>();
const givenSessions = new WeakMap<object, NatsSession>();

/**
 * Returns a NATS connection for a lane: an existing one, or a new one. Links with the same servers and credentials
 * share one NATS connection for each lane, so that long messages do not delay urgent ones.
 * @param signal ends the wait at once with `Aborted`. `@nats-io` can't stop connecting, so a NATS connection that opens
 * later without a user is closed then.
 */
export async function leaseSession(
  address: NatsAddress,
  config: ResolvedConnectionConfig,
  lane: Lane,
  signal?: AbortSignal,
): Promise<Result<SessionLease>> {
  if (signal?.aborted === true) return aborted(signal);
  const { connection } = config.nats;
  if (connection !== undefined) return ok(leaseOfGiven(connection as NatsConnection, config));
  const key = JSON.stringify([lane, address.host, address.port, address.user, address.password, config.nats]);
  const present = entries.get(key);
  const used = present === undefined || present.session?.isBroken === true ? openEntry(key, address, config) : present;
  const user = { isReferenced: true };
  used.users.add(user);
  const leave = (): void => {
    if (!used.users.delete(user) || used.users.size > 0) return;
    if (entries.get(key) === used) entries.delete(key);
    void used.opening.then((opened) => {
      if (opened.ok) void opened.value.close();
    });
  };
  const opened =
    signal === undefined ? await used.opening : ((await unlessAborted(used.opening, signal)) ?? aborted(signal));
  if (!opened.ok) {
    leave();
    return opened;
  }
  const session = opened.value;
  const refer = (): void => {
    session.setReferenced([...used.users].some((each) => each.isReferenced));
  };
  refer();
  return ok({
    session,
    setReferenced: (isReferenced) => {
      user.isReferenced = isReferenced;
      refer();
    },
    release: () => {
      leave();
      if (used.users.size > 0) refer();
    },
  });
}

/** Opens a NATS connection, which later users of the same key share, unless it fails. */
function openEntry(key: string, address: NatsAddress, config: ResolvedConnectionConfig): Entry {
  const entry: Entry = { opening: openSession(address, config), users: new Set(), session: undefined };
  entries.set(key, entry);
  // This reaction runs before those of the users. So a user that tries again after a failure opens a new NATS connection.
  void entry.opening.then((opened) => {
    if (opened.ok) entry.session = opened.value;
    else if (entries.get(key) === entry) entries.delete(key);
  });
  return entry;
}

function aborted(signal: AbortSignal): Result<never> {
  return err('Aborted', 'connecting to the NATS server was aborted', signal.reason);
}

function leaseOfGiven(connection: NatsConnection, config: ResolvedConnectionConfig): SessionLease {
  const session =
    givenSessions.get(connection) ?? new NatsSession(connection, config.nats, connection.getServer(), true);
  givenSessions.set(connection, session);
  return { session, setReferenced: () => undefined, release: () => undefined };
}

async function openSession(address: NatsAddress, config: ResolvedConnectionConfig): Promise<Result<NatsSession>> {
  const { credentials, nkeySeed, servers } = config.nats;
  const authenticator = authenticatorOf(credentials, nkeySeed);
  if (!authenticator.ok) return authenticator;
  const where = [formatHostPort(address.host, address.port), ...servers].join(' or ');
  try {
    const connection = await openNatsConnection(optionsOf(address, config, authenticator.value), config);
    const connected = connection.getServer();
    if (connection.info?.headers !== true) {
      await connection.close();
      return err(
        'IncompatibleVersion',
        `the NATS server at ${connected} has no headers: version 2.2 or newer is needed`,
      );
    }
    return ok(new NatsSession(connection, config.nats, connected, false));
  } catch (error) {
    return { ok: false, error: error instanceof NetworkError ? error : dialErrorOf(error, where) };
  }
}

function optionsOf(
  address: NatsAddress,
  { nats, connectTimeoutMs }: ResolvedConnectionConfig,
  authenticator: Authenticator | undefined,
): ConnectionOptions {
  const hasCredentials = authenticator !== undefined || nats.token !== undefined;
  const user = nats.user ?? (hasCredentials ? undefined : address.user);
  const pass = nats.user === undefined ? address.password : nats.password;
  // As in NATS URLs: user information without a password is a token.
  const isToken = nats.user === undefined && user !== undefined && pass === undefined;
  const token = nats.token ?? (isToken ? user : undefined);
  return {
    servers: [formatHostPort(address.host, address.port), ...nats.servers],
    name: nats.name,
    // The servers keep the order of the configuration, with the endpoint's own first.
    noRandomize: true,
    // A break ends the connections over it. A listening server dials again, with timers that keep no process alive.
    reconnect: false,
    timeout: connectTimeoutMs,
    noAsyncTraces: true,
    ...(authenticator !== undefined && { authenticator }),
    ...(token !== undefined && { token }),
    ...(user !== undefined && !isToken && { user, ...(pass !== undefined && { pass }) }),
  };
}

/** `InvalidParameter`: the credentials or the seed can't sign. The error does not show them. */
function authenticatorOf(credentials: string | undefined, seed: string | undefined): Result<Authenticator | undefined> {
  if (credentials === undefined && seed === undefined) return ok(undefined);
  const encoder = new TextEncoder();
  try {
    const authenticator =
      credentials === undefined
        ? nkeyAuthenticator(encoder.encode(seed))
        : credsAuthenticator(encoder.encode(credentials));
    // Otherwise the fault would show only while it connects.
    authenticator('');
    return ok(authenticator);
  } catch (error) {
    const [key, expected] =
      credentials === undefined
        ? ['nkeySeed', 'the seed of an NKey, which begins with S']
        : ['credentials', 'the text of a credentials file, with a JWT and a seed'];
    return err('InvalidParameter', `'nats.${key}' is not valid (${reasonOf(error)}): ${expected}, is allowed`, error);
  }
}
