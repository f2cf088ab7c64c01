import { type Complete, defineTransportSection, optionSchemas } from '@entropynet/core';
import * as v from './valibot.js';
import { ID_BYTES } from './handshake-messages.js';
import { parseNatsAddress } from './nats-address.js';
import { MAX_SUBJECT_LENGTH } from './nats-protocol.js';

const { byteCount, durationMs, flag, listOf, NOTHING_GIVEN, section, text, wholeNumber } = optionSchemas;

const KIB = 1024;
const MIB = 1024 * KIB;

/** The section `nats` of a configuration, as a user writes it. */
export interface NatsOptions {
  /** More servers of the NATS cluster, as `host:port`. They are tried in order after the endpoint's server. */
  servers?: readonly string[] | undefined;
  /** The user name at the NATS server. The endpoint may contain it instead. */
  user?: string | undefined;
  /** The user's password. */
  password?: string | undefined;
  /** A token, if the NATS server asks for one. */
  token?: string | undefined;
  /** The text of a credentials file (`.creds`): a JWT and the seed of its NKey. */
  credentials?: string | undefined;
  /** The seed of an NKey whose public key the NATS server knows. */
  nkeySeed?: string | undefined;
  /** Certificates and their checks; an object turns TLS on. */
  tls?: NatsTlsOptions | undefined;
  /** The name that the NATS server's monitoring shows. */
  name?: string | undefined;
  /** The prefix of every subject of a service. Both sides need the same. */
  subjectPrefix?: string | undefined;
  /** The prefix of a client's subjects. The client must be allowed to subscribe to subjects with it. */
  inboxPrefix?: string | undefined;
  /** Servers of the same service and queue group share the clients. Without it, a second server gets `AddressInUse`. */
  queueGroup?: string | undefined;
  /** The heartbeat: requests that a side sends while it hears nothing, to see that the peer is alive. */
  heartbeat?: NatsHeartbeatOptions | undefined;
  /** How long a server waits for the rest of a client's handshake, in milliseconds. */
  handshakeTimeoutMs?: number | undefined;
  /** The most handshakes of a server at the same time, and the most connections that wait to be accepted. */
  maxConnections?: number | undefined;
  /** Bytes of one connection that may be in flight to this side, on each of its two lanes. */
  windowBytes?: number | undefined;
  /**
   * Bytes of all connections over one NATS connection that may be in flight to this side. Keep it below the
   * `max_pending` of the NATS server (64 MiB by default): the NATS server disconnects a client for which more bytes
   * wait.
   */
  maxPendingBytes?: number | undefined;
  /** Bytes of one NATS connection that the NATS server has not confirmed yet. Beyond this limit, senders wait. */
  maxBufferedBytes?: number | undefined;
  /** A NATS connection of the program to use. The program closes it. Its end closes the servers. Only code can set it. */
  connection?: object | undefined;
}

/** Certificates and their checks, as a user writes them. */
export interface NatsTlsOptions {
  /** This side's certificate chain, as PEM, for a NATS server that asks for one. */
  certificate?: string | undefined;
  /** The private key of the certificate, as PEM. */
  privateKey?: string | undefined;
  /** The authorities to trust instead of those of Node.js, as PEM. */
  certificateAuthority?: string | undefined;
  /** Whether to refuse a NATS server whose certificate is not valid. */
  rejectUnauthorized?: boolean | undefined;
  /** Whether TLS begins before the NATS server sends anything, as its option `handshake_first` requires. */
  handshakeFirst?: boolean | undefined;
}

/** Signs of life, as a user writes them. */
export interface NatsHeartbeatOptions {
  /** The length of silence after which a side sends a request, in milliseconds. */
  intervalMs?: number | undefined;
  /** The length of silence after which the peer counts as dead, in milliseconds. */
  timeoutMs?: number | undefined;
}

/** The section `nats`, complete. */
export interface NatsConfig extends Complete<
  NatsOptions,
  'user' | 'password' | 'token' | 'credentials' | 'nkeySeed' | 'tls' | 'queueGroup' | 'connection'
> {
  /** Certificates and their checks, complete. Undefined if the NATS server decides about TLS. */
  readonly tls?: NatsTlsConfig | undefined;
  /** Signs of life, complete. */
  readonly heartbeat: NatsHeartbeatConfig;
}

/** Certificates and their checks, complete. */
export type NatsTlsConfig = Complete<NatsTlsOptions, 'certificate' | 'privateKey' | 'certificateAuthority'>;

/** Signs of life, complete. */
export type NatsHeartbeatConfig = Complete<NatsHeartbeatOptions>;

/** The smallest window of a lane. Every connection keeps this much, however many share a NATS connection. */
export const MIN_WINDOW_BYTES = 16 * KIB;

const subject = (): v.SchemaWithPipe<readonly [ReturnType<typeof text>, v.RegexAction<string, string>]> =>
  v.pipe(
    text(1),
    v.regex(
      /^(?=.{1,128}$)[\w-]+(?:\.[\w-]+)*$/,
      'words of letters, digits, _ and -, with dots between them, are allowed, of 128 characters or less',
    ),
  );

/** Accepts neither a scheme nor user information, because `@nats-io` would ignore both. */
const server = (): v.SchemaWithPipe<readonly [ReturnType<typeof text>, v.CheckAction<string, string>]> =>
  v.pipe(
    text(1),
    v.check(
      (given) => /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i.test(given) && URL.canParse(`http://${given}`),
      "'host:port' is allowed, without a scheme and without user information",
    ),
  );

/** The methods of a program's own NATS connection that the transport calls. */
const USED_METHODS = ['publish', 'subscribe', 'flush', 'status', 'closed', 'getServer'] as const;

const tlsSchema = section({
  certificate: v.optional(text(1)),
  privateKey: v.optional(text(1)),
  certificateAuthority: v.optional(text(1)),
  rejectUnauthorized: v.optional(flag(), true),
  handshakeFirst: v.optional(flag(), false),
});

const heartbeatSchema = section({
  intervalMs: v.optional(durationMs(), 2000),
  timeoutMs: v.optional(durationMs(), 15_000),
});

const optionsSchema = section({
  servers: v.optional(listOf(server()), []),
  user: v.optional(text(1)),
  password: v.optional(text()),
  token: v.optional(text(1)),
  credentials: v.optional(text(1)),
  nkeySeed: v.optional(text(1)),
  tls: v.optional(tlsSchema),
  name: v.optional(v.pipe(text(1), v.maxLength(256, 'a string of 256 characters or less is allowed')), 'entropynet'),
  subjectPrefix: v.optional(subject(), 'entropynet'),
  inboxPrefix: v.optional(subject(), '_INBOX'),
  queueGroup: v.optional(subject()),
  heartbeat: v.optional(heartbeatSchema, NOTHING_GIVEN),
  handshakeTimeoutMs: v.optional(durationMs(), 5000),
  maxConnections: v.optional(wholeNumber(1, 65_536), 1024),
  windowBytes: v.optional(byteCount(MIN_WINDOW_BYTES, 64 * MIB), 1 * MIB),
  maxPendingBytes: v.optional(byteCount(1 * MIB, 1024 * MIB), 32 * MIB),
  maxBufferedBytes: v.optional(byteCount(64 * KIB, 1024 * MIB), 4 * MIB),
  connection: v.optional(
    v.custom<object>(
      (given) => USED_METHODS.every((name) => typeof (given as Record<string, unknown> | null)?.[name] === 'function'),
      'a NatsConnection of @nats-io is allowed',
    ),
  ),
});

const CREDENTIALS = ['token', 'credentials', 'nkeySeed', 'user'] as const;

/** The section `nats` of a configuration. */
export const natsSection = defineTransportSection({
  optionsKey: 'nats',
  optionsSchema,
  faultOf: (given, endpoints) => {
    const config = given as NatsConfig;
    const several = CREDENTIALS.filter((key) => config[key] !== undefined);
    if (several.length > 1)
      return `'nats.${several[0] ?? ''}' was given together with 'nats.${several[1] ?? ''}': one of them is allowed`;
    if (config.password !== undefined && config.user === undefined)
      return "'nats.password' was given without 'nats.user', and would be ignored";
    if (config.connection !== undefined && (several.length > 0 || config.tls !== undefined))
      return `'nats.${several[0] ?? 'tls'}' was given together with 'nats.connection', which is connected already`;
    if ((config.tls?.certificate === undefined) !== (config.tls?.privateKey === undefined))
      return "'nats.tls.certificate' and 'nats.tls.privateKey' go together: one was given without the other";
    return faultOfServices(config.subjectPrefix, endpoints);
  },
});

/** Checks the length of the subjects. A connection's subject is the subject of its service and a number. */
function faultOfServices(prefix: string, endpoints: readonly string[]): string | undefined {
  const room = MAX_SUBJECT_LENGTH - prefix.length - '.'.length - '.'.length - 2 * ID_BYTES;
  for (const endpoint of endpoints) {
    const address = /^nats:/i.test(endpoint) ? parseNatsAddress(endpoint) : undefined;
    if (address?.ok === true && address.value.service.length > room)
      return `'endpoint' was given a service of ${address.value.service.length} characters: behind the prefix '${prefix}' a subject has room for ${room}`;
  }
  return undefined;
}

declare module '@entropynet/core' {
  interface TransportSections {
    /** Options of the NATS transport. */
    nats?: NatsOptions | undefined;
  }

  interface ResolvedTransportSections {
    /** Options of the NATS transport, complete. */
    readonly nats: NatsConfig;
  }
}
