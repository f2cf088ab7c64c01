import { MessageChannel, type MessagePort } from 'node:worker_threads';
import {
  agreeOnSecret,
  type ConnectionConfig,
  type ConnectionServer,
  ConnectionType,
  decodePeerLimits,
  encodePeerLimits,
  err,
  FRAME_COST_BYTES,
  type FrameLink,
  type FrameWriter,
  NetworkConnection,
  NetworkError,
  NetworkServer,
  OK,
  ok,
  type ResolvedConnectionConfig,
  resolveOwnConfig,
  type Result,
  SecretProver,
  SecretVerifier,
  type ServerConfig,
  type Transport,
  TRANSPORT,
  type TransportModule,
  type TransportProbe,
  unwrap,
} from '@entropynet/core';
import { portSection } from './port-options.js';

export type { PortConfig, PortOptions } from './port-options.js';

/** What travels through a port: a frame, bytes that were taken, a goodbye. */
type PortMessage = readonly [header: number, bytes: Uint8Array] | number | 'goodbye';

const BACKEND = 'port';

class PortWriter implements FrameWriter {
  readonly maxFrameBytes = 16 * 1024;
  readonly #port: MessagePort;
  readonly #maxInFlightBytes: number;
  #inFlight = 0;
  #wasRefused = false;
  #claimed: Uint8Array | undefined;

  constructor(port: MessagePort, maxInFlightBytes: number) {
    this.#port = port;
    this.#maxInFlightBytes = maxInFlightBytes;
  }

  tryWrite(header: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#hasRoom(end - start)) return false;
    const copy = new Uint8Array(end - start);
    // `bytes` may be the program's own array, whose properties may say anything. `set` copies what it really holds.
    copy.set(bytes);
    this.#post(header, copy);
    return true;
  }

  tryClaim(length: number): Uint8Array | undefined {
    this.#claimed = this.#hasRoom(length) ? new Uint8Array(length) : undefined;
    return this.#claimed;
  }

  commitClaim(header: number): void {
    if (this.#claimed !== undefined) this.#post(header, this.#claimed);
    this.#claimed = undefined;
  }

  abortClaim(): void {
    this.#claimed = undefined;
  }

  /** The peer took so many bytes; true where a refusal was waiting for that. */
  taken(bytes: number): boolean {
    this.#inFlight -= bytes;
    const wasRefused = this.#wasRefused;
    this.#wasRefused = false;
    return wasRefused;
  }

  #hasRoom(length: number): boolean {
    const hasRoom = this.#inFlight + length + FRAME_COST_BYTES <= this.#maxInFlightBytes;
    if (!hasRoom) this.#wasRefused = true;
    return hasRoom;
  }

  #post(header: number, bytes: Uint8Array): void {
    this.#inFlight += bytes.length + FRAME_COST_BYTES;
    const message: PortMessage = [header, bytes];
    this.#port.postMessage(message, [bytes.buffer as ArrayBuffer]);
  }
}

interface PortLink extends FrameLink {
  readonly port: MessagePort;
  readonly writer: PortWriter;
}

function linkOf(port: MessagePort, greeting: Uint8Array, config: ResolvedConnectionConfig): Result<PortLink> {
  const limits = decodePeerLimits(greeting);
  if (!limits.ok) return limits;
  return ok({ port, writer: new PortWriter(port, config.port.maxInFlightBytes), peerLimits: limits.value });
}

export class PortConnection extends NetworkConnection {
  #link: PortLink | undefined;
  #isReferenced = true;

  constructor(config: ConnectionConfig, accepted?: PortLink) {
    super(unwrap(resolveOwnConfig(config, portSection)), accepted);
    this.#link = accepted;
  }

  getType(): ConnectionType {
    return ConnectionType.Local;
  }

  getBackend(): string {
    return BACKEND;
  }

  protected doConnect(): Promise<Result<FrameLink>> {
    const server = servers.get(this.config.endpoint);
    if (server === undefined) {
      return Promise.resolve(err('TransportUnavailable', `no server listens at ${this.config.endpoint}`));
    }
    const { port1, port2 } = new MessageChannel();
    const { secret } = this.config;
    const prover = secret === undefined ? undefined : new SecretProver(secret);
    const greeting = server.offer(port2, encodePeerLimits(this.config), prover);
    const link = greeting.ok ? linkOf(port1, greeting.value, this.config) : greeting;
    if (link.ok) this.#link = link.value;
    else port1.close();
    return Promise.resolve(link);
  }

  protected doStartReceiving(): void {
    const link = this.#link;
    if (link === undefined) return;
    link.port.on('message', (message: PortMessage) => {
      // A port may go on emitting what it had already read when it was closed.
      if (this.#link === link) this.#receive(link, message);
    });
    link.port.on('close', () => {
      if (this.#link !== link) return;
      this.onStateChanged('failed', new NetworkError('PeerDied', 'the peer ended without saying goodbye'));
    });
    if (!this.#isReferenced) link.port.unref();
  }

  protected doDisconnect(): Promise<void> {
    this.#link?.port.postMessage('goodbye' satisfies PortMessage);
    return Promise.resolve();
  }

  protected doRelease(): void {
    const link = this.#link;
    this.#link = undefined;
    link?.port.close();
  }

  protected doSetReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    if (isReferenced) this.#link?.port.ref();
    else this.#link?.port.unref();
  }

  #receive(link: PortLink, message: PortMessage): void {
    if (message === 'goodbye') this.onStateChanged('disconnected');
    else if (typeof message === 'number') {
      if (link.writer.taken(message)) this.onWritable();
    } else {
      const [header, bytes] = message;
      const taken: PortMessage = bytes.length + FRAME_COST_BYTES;
      this.onFrameReceived(header, bytes, 0, bytes.length, true);
      link.port.postMessage(taken);
    }
  }
}

const servers = new Map<string, PortServer>();

/** Both sides' proofs, which are calls inside one thread; elsewhere each of the three is a message. */
function proveSecret(secret: string | undefined, prover: SecretProver | undefined): Result {
  const agreed = agreeOnSecret(secret, prover !== undefined);
  if (!agreed.ok) return agreed;
  if (secret === undefined || prover === undefined) return OK;
  const verifier = new SecretVerifier(secret);
  const answer = prover.answer(verifier.challenge);
  const proof = answer.ok ? verifier.check(answer.value) : answer;
  return proof.ok ? prover.check(proof.value) : proof;
}

export class PortServer extends NetworkServer {
  constructor(config: ServerConfig) {
    super(unwrap(resolveOwnConfig(config, portSection)), 64);
  }

  /** A client's port, greeting and proof of the secret; ok with this side's greeting. */
  offer(port: MessagePort, greeting: Uint8Array, prover: SecretProver | undefined): Result<Uint8Array> {
    const link = linkOf(port, greeting, this.config);
    if (!link.ok) return link;
    const proved = proveSecret(this.config.secret, prover);
    if (!proved.ok) return proved;
    const place = this.accepted.admit();
    if (!place.ok) return place;
    place.value.push(new PortConnection(this.config, link.value));
    return ok(encodePeerLimits(this.config));
  }

  address(): string | undefined {
    return this.isListening() ? this.config.endpoint : undefined;
  }

  ref(): void {
    // A name in a table keeps no process alive.
  }

  unref(): void {
    // See ref().
  }

  protected doListen(): Promise<Result> {
    const { endpoint } = this.config;
    if (servers.has(endpoint)) return Promise.resolve(err('AddressInUse', `${endpoint} has a server already`));
    servers.set(endpoint, this);
    return Promise.resolve(OK);
  }

  protected doStopAccepting(): void {
    servers.delete(this.config.endpoint);
  }
}

const CAPABILITIES = Object.freeze({
  unreliable: false,
  zeroCopy: false,
  crossProcess: false,
  detectsPeerDeath: false,
  detectsUnresponsive: false,
});

export class PortTransport implements Transport {
  readonly backend = BACKEND;
  readonly schemes = ['port'];
  readonly connectionType = ConnectionType.Local;
  readonly capabilities = CAPABILITIES;
  /** Before WebSocket, which has 0, and after shared memory, which has 100. */
  readonly preference: number = 50;
  readonly optionsKey = portSection.optionsKey;
  readonly optionsSchema = portSection.optionsSchema;

  probe({ endpoint }: ConnectionConfig): Promise<TransportProbe> {
    if (servers.has(endpoint)) return Promise.resolve({ available: true });
    return Promise.resolve({ available: false, reason: `no server listens at ${endpoint}` });
  }

  createConnection(config: ConnectionConfig): NetworkConnection {
    return new PortConnection(config);
  }

  createServer(config: ServerConfig): ConnectionServer {
    return new PortServer(config);
  }
}

export const portTransportModule: TransportModule = {
  id: Symbol('port'),
  load: ({ bind }) => {
    bind(TRANSPORT).toConstantValue(new PortTransport());
  },
};
