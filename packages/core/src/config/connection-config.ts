// The namespace, of which a bundler keeps what is used; the object `z` would bring all languages of all messages.
import * as z from 'zod';
import { err, ok, type Result } from '../result/result.js';
import { parseEndpoint } from './endpoint.js';
import { MIN_CHANNEL_WINDOW } from '../wire/peer-limits.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** The largest region, so that every position in it is a positive 32-bit integer. */
const MAX_REGION_BYTES = 1024 * MIB;

/** A span of time that a timer of the platform can hold, in milliseconds. */
const durationMs = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

const endpoint = z.string().superRefine((text, context) => {
  const parsed = parseEndpoint(text);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error.message });
});

const sharedMemorySchema = z.strictObject({
  /** Bytes of a connection's region, both rings; the smaller of both ends counts. */
  regionSize: z
    .int()
    .min(64 * KIB)
    .max(MAX_REGION_BYTES)
    .default(4 * MIB),
  /** Touches every page of the region when a connection is made, so that no message pays for it. */
  prefault: z.boolean().default(false),
  /** Works on the region itself or on a copy of it; `auto`: the region where the runtime allows it. */
  access: z.enum(['auto', 'direct', 'copied']).default('auto'),
  /** How a receiver waits: polls while it pays off, sleeps at once, or never sleeps. */
  wait: z.enum(['adaptive', 'sleep', 'spin']).default('adaptive'),
  /** How long one window of polling lasts, in microseconds. */
  pollMicroseconds: z.int().min(1).max(1000).default(50),
  /** The folder where servers are found; without it `$XDG_RUNTIME_DIR/entropynet`, or one of the user's in the temporary folder. */
  directory: z.string().min(1).optional(),
  /** Connections that a server has at most, granted handshakes included. */
  maxConnections: z.int().min(1).max(65_536).default(1024),
  /** How long a server waits for a client's handshake, in milliseconds. */
  handshakeTimeoutMs: durationMs.default(5000),
  /** How long a peer may read nothing before it is reported as `unresponsive`, in milliseconds. */
  unresponsiveAfterMs: durationMs.default(2000),
});

const tlsSchema = z.strictObject({
  /** This side's certificate chain, as PEM: a server's, or what a client shows to a server that asks for it. */
  certificate: z.string().optional(),
  /** The private key of the certificate, as PEM. */
  privateKey: z.string().optional(),
  /** What the private key is encrypted with. */
  passphrase: z.string().optional(),
  /**
   * Whose signatures count instead of those of Node.js's own authorities, as PEM. A server that has it asks each client for
   * a certificate of theirs.
   */
  certificateAuthority: z.string().optional(),
  /** Whether a side refuses the other whose certificate does not check out. */
  rejectUnauthorized: z.boolean().default(true),
  /** The name that a client asks for and that the server's certificate must have, instead of the endpoint's host. */
  servername: z.string().min(1).optional(),
  /** The oldest version of TLS that this side takes. */
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
});

const heartbeatSchema = z.strictObject({
  /** How often each side asks for a sign of life, in milliseconds. */
  intervalMs: durationMs.default(5000),
  /** After how much silence the peer counts as dead, in milliseconds. */
  timeoutMs: durationMs.default(15_000),
});

/** The shape of a `node:http` request, as far as the hook's type names it: core imports no I/O. */
export interface UpgradeRequest {
  /** Path and query of the request. */
  readonly url?: string | undefined;
  /** The headers, by name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Decides whether an upgrade request may become a connection; false or a throw refuses it. */
export type Authenticate = (request: UpgradeRequest) => boolean | Promise<boolean>;

/** As `dns.lookup` is called by `net.connect`. */
export type LookupFunction = (
  hostname: string,
  options: object,
  callback: (error: Error | null, address: string | { address: string; family: number }[], family?: number) => void,
) => void;

/** Below this a secret is found by trying. */
const MIN_SECRET_CHARACTERS = 16;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const webSocketSchema = z.strictObject({
  /** What a client adds to its upgrade request. */
  headers: z.record(z.string(), z.string()).default({}),
  /** For `wss://`, on either side. */
  tls: tlsSchema.optional(),
  /** Signs of life, asked for by both sides. */
  heartbeat: heartbeatSchema.prefault({}),
  /** How long a server waits for each step of a client's handshake, in milliseconds. */
  handshakeTimeoutMs: durationMs.default(5000),
  /** The origins of web pages that may connect to a server. */
  allowedOrigins: z.array(z.string()).default([]),
  /** Connections that a server has at most, handshakes included. */
  maxConnections: z.int().min(1).max(65_536).default(1024),
  /** Connections that a server has at most from one address, handshakes included; without it as many as from all. */
  maxConnectionsPerAddress: z.int().min(1).max(65_536).optional(),
  /** What a server adds to its answer to an upgrade request, such as `Set-Cookie`. */
  responseHeaders: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
  /** Bytes of a connection that may wait for the kernel. */
  maxBufferedBytes: z
    .int()
    .min(64 * KIB)
    .max(1024 * MIB)
    .default(1 * MIB),
  /** Decides about an upgrade request; only code can give it. */
  authenticate: z.custom<Authenticate>(isFunction, 'a function is expected').optional(),
  /** What makes or keeps a client's TCP connections, such as one through a proxy (`http.Agent`); only code can give it. */
  agent: z.custom<object>(isObject, 'an http.Agent or https.Agent is expected').optional(),
  /** Makes a client's socket in place of `net.connect` or `tls.connect`; only code can give it. */
  createConnection: z.custom<(options: object) => object>(isFunction, 'a function is expected').optional(),
  /** Finds a host's addresses for a client in place of `dns.lookup`; only code can give it. */
  lookup: z.custom<LookupFunction>(isFunction, 'a function is expected').optional(),
  /** For a program that hands upgrade requests over itself (`handleUpgrade`): the server binds no port. */
  noServer: z.boolean().default(false),
  /** An HTTP server of yours to attach to, which stays yours to close; only code can give it. */
  server: z.custom<object>(isObject, 'an http.Server or https.Server is expected').optional(),
});

const reconnectSchema = z
  .strictObject({
    /** How long to wait before the first attempt after an end, in milliseconds. */
    initialDelayMs: durationMs.default(100),
    /** The longest wait between two attempts, in milliseconds; a connection that lasts as long starts the waits anew. */
    maxDelayMs: durationMs.default(30_000),
    /** How many times longer each wait is than the one before. */
    factor: z.number().min(1).max(100).default(2),
    /** Which part of a wait chance may take away, so that clients of one server do not come back all at once. */
    jitter: z.number().min(0).max(1).default(0.5),
    /** After how many attempts that failed, one after the other, to give up; without it never. */
    maxAttempts: z.int().min(1).optional(),
    /** Whether a peer's goodbye is answered by connecting again, too, as after the orderly restart of a service. */
    afterGoodbye: z.boolean().default(true),
  })
  .refine(({ initialDelayMs, maxDelayMs }) => initialDelayMs <= maxDelayMs, {
    path: ['initialDelayMs'],
    message: 'at most maxDelayMs is allowed',
  });

const configSchema = z.strictObject({
  /** Where: a name, or an address with a scheme, of 1 to 2048 bytes. */
  endpoint,
  /** A transport's name, or `auto` for all that serve an endpoint, shared memory first. */
  backend: z.string().min(1).default('auto'),
  /** Further endpoints: a client tries them in order, a server listens on all. */
  fallback: z.array(endpoint).default([]),
  /** How long one attempt to connect may last, in milliseconds. */
  connectTimeoutMs: durationMs.default(5000),
  /** How long a waiting `send()` lasts, and how long `disconnect()` waits for a full peer, in milliseconds. */
  sendTimeoutMs: durationMs.default(5000),
  /** Bytes of the longest message, in both directions; the smaller of both ends counts. */
  maxMessageSize: z
    .int()
    .min(1)
    .max(1024 * MIB)
    .default(16 * MIB),
  /** Bytes that one channel may have on the way to this side, 64 more for each frame. */
  channelWindow: z
    .int()
    .min(MIN_CHANNEL_WINDOW)
    .max(1024 * MIB)
    .default(1 * MIB),
  /** Named channels of a connection. */
  maxChannels: z.int().min(0).max(65_535).default(256),
  /** A secret of 16 characters or more that both sides must have; proved in the handshake, never sent. */
  secret: z.string().min(MIN_SECRET_CHARACTERS).optional(),
  /** Bytes that unfinished `send()` calls of a connection may hold. */
  sendQueueBytes: z
    .int()
    .min(0)
    .max(4096 * MIB)
    .default(64 * MIB),
  /** Lets a manager's handle connect again by itself when a connection ended; servers and bare connections ignore it. */
  reconnect: reconnectSchema.optional(),
  /** What concerns shared memory only. */
  sharedMemory: sharedMemorySchema.prefault({}),
  /** What concerns WebSocket only. */
  webSocket: webSocketSchema.prefault({}),
  /** Options of other transports, by backend name; their transport checks them. */
  transportOptions: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
});

/**
 * What a user writes: one plain object, valid as JSON (save the two hooks of `webSocket` that only code can give). Both
 * ends of a connection may use the same one.
 *
 * | key | meaning | default |
 * | --- | --- | --- |
 * | `endpoint` | `'canvas'`, `shm://canvas`, `ws://host:port/path`, `wss://…` | required |
 * | `backend` | the transport's name, or `auto` | `auto` |
 * | `fallback` | further endpoints, tried in order | none |
 * | `connectTimeoutMs`, `sendTimeoutMs` | how long `connect()` and a waiting `send()` last | 5000 |
 * | `maxMessageSize` | bytes of the longest message, in both directions | 16 MiB |
 * | `channelWindow` | bytes that one channel may have on the way to this side, frames' book-keeping included | 1 MiB |
 * | `maxChannels` | named channels that may be open | 256 |
 * | `secret` | a secret of 16 characters or more; only peers that prove to have the same are let in | none |
 * | `sendQueueBytes` | bytes that unfinished `send()` calls may hold | 64 MiB |
 * | `reconnect` | how a manager's handle connects again by itself | it does not |
 * | `sharedMemory`, `webSocket` | what concerns one transport only | |
 * | `transportOptions` | the same for third-party transports, by backend | none |
 */
export type ConnectionConfig = z.input<typeof configSchema>;

/** A server takes the same object and listens on the endpoint and every fallback. */
export type ServerConfig = ConnectionConfig;

/** A checked configuration with every default filled in. */
export type ResolvedConnectionConfig = Readonly<z.output<typeof configSchema>>;

/** The shared-memory section, complete. */
export type SharedMemoryConfig = ResolvedConnectionConfig['sharedMemory'];

/** The WebSocket section, complete. */
export type WebSocketConfig = ResolvedConnectionConfig['webSocket'];

/** The policy of connecting again, complete. */
export type ReconnectConfig = NonNullable<ResolvedConnectionConfig['reconnect']>;

const resolved = new WeakSet<object>();

/** Checks a configuration and fills in the defaults. `InvalidParameter` names every wrong key, what was given and what is allowed. */
export function resolveConnectionConfig(config: ConnectionConfig): Result<ResolvedConnectionConfig> {
  if (resolved.has(config)) return ok(config as ResolvedConnectionConfig);
  const parsed = configSchema.safeParse(config);
  if (parsed.success) {
    const complete = Object.freeze(parsed.data);
    resolved.add(complete);
    return ok(complete);
  }
  const complaints = parsed.error.issues.map((issue) => describeIssue(issue, config));
  return err('InvalidParameter', `invalid configuration: ${complaints.join('; ')}`);
}

function describeIssue(issue: z.core.$ZodIssue, config: unknown): string {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const allowed = allowedKeys(path).join(', ');
    return issue.keys
      .map(
        (key) =>
          `unknown key '${[...path, key].join('.')}' (given ${given(config, [...path, key])}; allowed here: ${allowed})`,
      )
      .join('; ');
  }
  const key = path.length === 0 ? 'the configuration' : `'${path.join('.')}'`;
  return `${key} was given ${given(config, path)}; ${issue.message}`;
}

/** The keys of the section at `path`. */
function allowedKeys(path: readonly string[]): string[] {
  const sections: Readonly<Record<string, z.ZodObject>> = {
    '': configSchema,
    reconnect: reconnectSchema,
    sharedMemory: sharedMemorySchema,
    webSocket: webSocketSchema,
    'webSocket.tls': tlsSchema,
    'webSocket.heartbeat': heartbeatSchema,
  };
  return Object.keys(sections[path.join('.')]?.shape ?? {});
}

function valueAt(config: unknown, path: readonly string[]): unknown {
  let value = config;
  for (const key of path) value = isObject(value) ? (value as Record<string, unknown>)[key] : undefined;
  return value;
}

/** What was given at `path`, save that a secret, however its key was spelt, must not reach a log. */
function given(config: unknown, path: readonly string[]): string {
  return /secret/i.test(path.at(-1) ?? '') ? 'a value that is not shown' : show(valueAt(config, path));
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return 'a function';
  const text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
