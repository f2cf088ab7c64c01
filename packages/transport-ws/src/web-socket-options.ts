import { defineTransportSection, optionSchemas } from '@entropynet/core';
import * as v from 'valibot';

const { durationMs, flag, listOf, NOTHING_GIVEN, oneOf, section, text, wholeNumber } = optionSchemas;

const KIB = 1024;
const MIB = 1024 * KIB;

/** The shape of a `node:http` request, as far as the hook's type names it: a page has no `node:http`. */
export interface UpgradeRequest {
  /** Path and query of the request. */
  readonly url?: string | undefined;
  /** The headers, by name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Decides whether an upgrade request may become a connection. True lets it in, and so does an identity of any kind, which
 * becomes `peer.identity` of the accepted connection; false, nothing, or a throw refuses it. The answer may be a promise.
 */
export type Authenticate = (request: UpgradeRequest) => unknown;

/** As `dns.lookup` is called by `net.connect`. */
export type LookupFunction = (
  hostname: string,
  options: object,
  callback: (error: Error | null, address: string | { address: string; family: number }[], family?: number) => void,
) => void;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const tlsSchema = section({
  /** This side's certificate chain, as PEM: a server's, or what a client shows to a server that asks for it. */
  certificate: v.optional(text()),
  /** The private key of the certificate, as PEM. */
  privateKey: v.optional(text()),
  /** The passphrase that the private key is encrypted with. */
  passphrase: v.optional(text()),
  /**
   * The authorities whose signatures count instead of those of Node.js, as PEM. A server that has it asks each client for
   * a certificate of theirs.
   */
  certificateAuthority: v.optional(text()),
  /** Whether a side refuses the other one where its certificate is not valid. */
  rejectUnauthorized: v.optional(flag(), true),
  /** The name that a client asks for and that the server's certificate must have, instead of the endpoint's host. */
  servername: v.optional(text(1)),
  /** The oldest version of TLS that this side takes. */
  minVersion: v.optional(oneOf('TLSv1.2', 'TLSv1.3'), 'TLSv1.2'),
});

const heartbeatSchema = section({
  /** How often each side asks for a sign of life, in milliseconds. */
  intervalMs: v.optional(durationMs(), 5000),
  /** After how much silence the peer counts as dead, in milliseconds. */
  timeoutMs: v.optional(durationMs(), 15_000),
});

/** The default keeps honest messages: deflate makes nothing shorter than by a factor of 1032. */
const compressionSchema = section({
  /** Shorter messages are not compressed; in bytes. */
  threshold: v.optional(wholeNumber(0, 256 * KIB), 1 * KIB),
  /** How much work compressing is worth: 1 is the fastest, 9 the shortest. */
  level: v.optional(wholeNumber(1, 9), 3),
  /** How many times longer than it came a message may become. A peer that sends one that would is disconnected. */
  maxRatio: v.optional(wholeNumber(1, 1032), 1000),
});
const noCompression = v.literal(false, 'false or an object is allowed');

const optionsSchema = section({
  /** Headers that a client adds to its upgrade request. */
  headers: v.optional(v.record(v.string(), text(), 'an object of strings is allowed'), NOTHING_GIVEN),
  /** For `wss://`, on either side. */
  tls: v.optional(tlsSchema),
  /** Signs of life, which both sides ask for. */
  heartbeat: v.optional(heartbeatSchema, NOTHING_GIVEN),
  /** How long a server waits for each step of a client's handshake, in milliseconds. */
  handshakeTimeoutMs: v.optional(durationMs(), 5000),
  /** The origins of web pages that may connect to a server. */
  allowedOrigins: v.optional(listOf(text()), []),
  /** Connections that a server has at most, handshakes included. */
  maxConnections: v.optional(wholeNumber(1, 65_536), 1024),
  /** Connections that a server has at most from one address, handshakes included; without it as many as from all. */
  maxConnectionsPerAddress: v.optional(wholeNumber(1, 65_536)),
  /** Headers that a server adds to its answer to an upgrade request, such as `Set-Cookie`. */
  responseHeaders: v.optional(
    v.record(
      v.string(),
      v.union([text(), listOf(text())], 'a string or a list of strings is allowed'),
      'an object of strings and lists of strings is allowed',
    ),
    NOTHING_GIVEN,
  ),
  /** Bytes of a connection that may wait for the kernel. */
  maxBufferedBytes: v.optional(wholeNumber(64 * KIB, 1024 * MIB), 1 * MIB),
  /**
   * Compresses messages (`permessage-deflate`) where both sides want it; an object turns it on. Of a secret that travels with
   * text of an attacker's choice, the length of compressed messages may tell something.
   */
  compression: v.optional(
    v.lazy((given): typeof compressionSchema | typeof noCompression =>
      typeof given === 'object' && given !== null ? compressionSchema : noCompression,
    ),
    false,
  ),
  /** Decides about an upgrade request; only code can give it. */
  authenticate: v.optional(v.custom<Authenticate>(isFunction, 'a function is allowed')),
  /** What makes or keeps a client's TCP connections, such as one through a proxy (`http.Agent`); only code can give it. */
  agent: v.optional(v.custom<object>(isObject, 'an http.Agent or https.Agent is allowed')),
  /** Makes a client's socket in place of `net.connect` or `tls.connect`; only code can give it. */
  createConnection: v.optional(v.custom<(options: object) => object>(isFunction, 'a function is allowed')),
  /** Finds a host's addresses for a client in place of `dns.lookup`; only code can give it. */
  lookup: v.optional(v.custom<LookupFunction>(isFunction, 'a function is allowed')),
  /** For a program that hands upgrade requests over itself (`handleUpgrade`): the server binds no port. */
  noServer: v.optional(flag(), false),
  /** An HTTP server of yours to attach to, which stays yours to close; only code can give it. */
  server: v.optional(v.custom<object>(isObject, 'an http.Server or https.Server is allowed')),
});

/** The section `webSocket` of a configuration. */
export const webSocketSection = defineTransportSection({
  optionsKey: 'webSocket',
  optionsSchema,
  faultOf: (section, endpoints) => {
    const { agent, createConnection, tls } = section as WebSocketConfig;
    if (tls !== undefined && !endpoints.some((endpoint) => /^wss:/i.test(endpoint)))
      return "'webSocket.tls' was given though no endpoint begins with wss://: nothing would be encrypted";
    if (agent !== undefined && createConnection !== undefined)
      return "'webSocket.createConnection' was given beside 'webSocket.agent', which makes the connections: one is allowed";
    return undefined;
  },
});

/** The section `webSocket`, as a user writes it. */
export type WebSocketOptions = v.InferInput<typeof optionsSchema>;

/** The section `webSocket`, complete. */
export type WebSocketConfig = v.InferOutput<typeof optionsSchema>;

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
