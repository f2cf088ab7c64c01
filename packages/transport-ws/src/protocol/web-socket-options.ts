import { type Complete, defineTransportSection, optionSchemas } from '@entropynet/core';
import * as v from './valibot.js';
import { faultOfOrigins } from './allowed-origins.js';

const { byteCount, durationMs, flag, listOf, NOTHING_GIVEN, oneOf, recordOf, section, text, wholeNumber } =
  optionSchemas;

const KIB = 1024;
const MIB = 1024 * KIB;

/** The parts of a `node:http` request that the hook's type names. A page has no `node:http`. */
export interface UpgradeRequest {
  /** Path and query of the request. */
  readonly url?: string | undefined;
  /** The headers, by name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Decides whether an upgrade request may become a connection. True accepts it. An identity of any kind also accepts it,
 * and becomes `peer.identity` of the accepted connection. False, nothing, or an exception refuses it. The answer may be
 * a promise.
 */
export type Authenticate = (request: UpgradeRequest) => unknown;

/** A function like `dns.lookup`, as `net.connect` calls it. */
export type LookupFunction = (
  hostname: string,
  options: object,
  callback: (error: Error | null, address: string | { address: string; family: number }[], family?: number) => void,
) => void;

/** The section `webSocket` of a configuration, as a user writes it. */
export interface WebSocketOptions {
  /** Headers that a client adds to its upgrade request. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Certificates and their checks, for `wss://` on either side. */
  tls?: WebSocketTlsOptions | undefined;
  /** The heartbeat: pings that both sides send to see that the peer is alive. */
  heartbeat?: WebSocketHeartbeatOptions | undefined;
  /** How long a server waits for each step of a client's handshake, in milliseconds. */
  handshakeTimeoutMs?: number | undefined;
  /** The origins of web pages that may connect to a server. */
  allowedOrigins?: readonly string[] | undefined;
  /** The most connections of a server, including handshakes. */
  maxConnections?: number | undefined;
  /**
   * The most connections of a server from one address, including handshakes. Without it, only `maxConnections` counts.
   */
  maxConnectionsPerAddress?: number | undefined;
  /** Headers that a server adds to its response to an upgrade request, such as `Set-Cookie`. */
  responseHeaders?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Bytes of a connection that may wait for the kernel. */
  maxBufferedBytes?: number | undefined;
  /**
   * Compresses messages (`permessage-deflate`) if both sides turn it on; an object turns it on. If a message contains a
   * secret beside text of an attacker's choice, its compressed length may reveal something about the secret.
   */
  compression?: false | WebSocketCompressionOptions | undefined;
  /** A function that accepts or refuses an upgrade request. Only code can set it. */
  authenticate?: Authenticate | undefined;
  /** An agent that makes a client's TCP connections, for example through a proxy. Only code can set it. */
  agent?: object | undefined;
  /** A function that makes a client's socket in place of `net.connect` or `tls.connect`. Only code can set it. */
  createConnection?: ((options: object) => object) | undefined;
  /** A function that finds a host's addresses for a client in place of `dns.lookup`. Only code can set it. */
  lookup?: LookupFunction | undefined;
  /** Whether the server binds no port, because the program passes upgrade requests to it (`handleUpgrade`). */
  noServer?: boolean | undefined;
  /** The program's HTTP server to attach to. The program closes it. Only code can set it. */
  server?: object | undefined;
}

/** Certificates and their checks, as a user writes them. */
export interface WebSocketTlsOptions {
  /** This side's certificate chain, as PEM: a server's own, or a client's for a server that asks for one. */
  certificate?: string | undefined;
  /** The private key of the certificate, as PEM. */
  privateKey?: string | undefined;
  /** The passphrase that the private key is encrypted with. */
  passphrase?: string | undefined;
  /**
   * The authorities to trust instead of those of Node.js, as PEM. A server with this option asks each client for a
   * certificate of these authorities.
   */
  certificateAuthority?: string | undefined;
  /** Whether this side refuses a peer whose certificate is not valid. */
  rejectUnauthorized?: boolean | undefined;
  /** The name that a client asks for and that the server's certificate must have, instead of the endpoint's host. */
  servername?: string | undefined;
  /** The oldest version of TLS that this side accepts. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/** Signs of life, as a user writes them. */
export interface WebSocketHeartbeatOptions {
  /** The time between two pings, in milliseconds. */
  intervalMs?: number | undefined;
  /** The length of silence after which the peer counts as dead, in milliseconds. */
  timeoutMs?: number | undefined;
}

/** How messages are compressed, as a user writes it. */
export interface WebSocketCompressionOptions {
  /** The length in bytes below which messages are not compressed. */
  threshold?: number | undefined;
  /** The compression level: 1 is the fastest, 9 gives the shortest messages. */
  level?: number | undefined;
  /** The largest ratio of a message's length to its compressed length. A peer that exceeds it is disconnected. */
  maxRatio?: number | undefined;
}

/** The section `webSocket`, complete. */
export interface WebSocketConfig extends Complete<
  WebSocketOptions,
  'tls' | 'maxConnectionsPerAddress' | 'authenticate' | 'agent' | 'createConnection' | 'lookup' | 'server'
> {
  /** Certificates and their checks, complete; undefined where none were given. */
  readonly tls?: WebSocketTlsConfig | undefined;
  /** Signs of life, complete. */
  readonly heartbeat: WebSocketHeartbeatConfig;
  /** How messages are compressed, complete; false where they are not. */
  readonly compression: false | WebSocketCompressionConfig;
}

/** Certificates and their checks, complete. */
export type WebSocketTlsConfig = Complete<
  WebSocketTlsOptions,
  'certificate' | 'privateKey' | 'passphrase' | 'certificateAuthority' | 'servername'
>;

/** Signs of life, complete. */
export type WebSocketHeartbeatConfig = Complete<WebSocketHeartbeatOptions>;

/** How messages are compressed, complete. */
export type WebSocketCompressionConfig = Complete<WebSocketCompressionOptions>;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const has =
  (...methods: readonly string[]) =>
  (value: unknown): boolean =>
    methods.every((method) => isFunction((value as Readonly<Record<string, unknown>> | null | undefined)?.[method]));

const tlsSchema = section({
  certificate: v.optional(text()),
  privateKey: v.optional(text()),
  passphrase: v.optional(text()),
  certificateAuthority: v.optional(text()),
  rejectUnauthorized: v.optional(flag(), true),
  servername: v.optional(text(1)),
  minVersion: v.optional(oneOf('TLSv1.2', 'TLSv1.3'), 'TLSv1.2'),
});

const heartbeatSchema = section({
  intervalMs: v.optional(durationMs(), 5000),
  timeoutMs: v.optional(durationMs(), 15_000),
});

const compressionSchema = section({
  threshold: v.optional(byteCount(0, 256 * KIB), 1 * KIB),
  level: v.optional(wholeNumber(1, 9), 3),
  // The default accepts correct messages, because deflate never exceeds a ratio of 1032.
  maxRatio: v.optional(wholeNumber(1, 1032), 1000),
});
const noCompression = v.literal(false, 'false or an object is allowed');

const optionsSchema = section({
  headers: v.optional(recordOf(text(), 'an object of strings is allowed'), NOTHING_GIVEN),
  tls: v.optional(tlsSchema),
  heartbeat: v.optional(heartbeatSchema, NOTHING_GIVEN),
  handshakeTimeoutMs: v.optional(durationMs(), 5000),
  allowedOrigins: v.optional(listOf(text()), []),
  maxConnections: v.optional(wholeNumber(1, 65_536), 1024),
  maxConnectionsPerAddress: v.optional(wholeNumber(1, 65_536)),
  responseHeaders: v.optional(
    recordOf(
      v.union([text(), listOf(text())], 'a string or a list of strings is allowed'),
      'an object of strings and lists of strings is allowed',
    ),
    NOTHING_GIVEN,
  ),
  maxBufferedBytes: v.optional(byteCount(64 * KIB, 1024 * MIB), 1 * MIB),
  // The error depends on which alternative the user meant, so the schema decides that before it checks the value.
  compression: v.optional(
    v.lazy((given): typeof compressionSchema | typeof noCompression =>
      typeof given === 'object' && given !== null ? compressionSchema : noCompression,
    ),
    false,
  ),
  authenticate: v.optional(v.custom<Authenticate>(isFunction, 'a function is allowed')),
  agent: v.optional(v.custom<object>(has('addRequest'), 'an http.Agent or https.Agent is allowed')),
  createConnection: v.optional(v.custom<(options: object) => object>(isFunction, 'a function is allowed')),
  lookup: v.optional(v.custom<LookupFunction>(isFunction, 'a function is allowed')),
  noServer: v.optional(flag(), false),
  server: v.optional(v.custom<object>(has('on', 'listen'), 'an http.Server or https.Server is allowed')),
});

/** The section `webSocket` of a configuration. */
export const webSocketSection = defineTransportSection({
  optionsKey: 'webSocket',
  optionsSchema,
  faultOf: (section, endpoints) => {
    const { agent, allowedOrigins, createConnection, tls } = section as WebSocketConfig;
    if (tls !== undefined && !endpoints.some((endpoint) => /^wss:/i.test(endpoint)))
      return "'webSocket.tls' was given though no endpoint begins with wss://: nothing would be encrypted";
    if (agent !== undefined && createConnection !== undefined)
      return "'webSocket.createConnection' was given together with 'webSocket.agent', which makes the connections: one is allowed";
    return faultOfOrigins(allowedOrigins);
  },
});

declare module '@entropynet/core' {
  interface TransportSections {
    /** Options of the WebSocket transport. */
    webSocket?: WebSocketOptions | undefined;
  }

  interface ResolvedTransportSections {
    /** Options of the WebSocket transport, complete. */
    readonly webSocket: WebSocketConfig;
  }
}
