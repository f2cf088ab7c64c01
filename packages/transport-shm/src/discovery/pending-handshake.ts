import { randomFillSync } from 'node:crypto';
import {
  type AcceptPlace,
  agreeOnSecret,
  type ConnectionPeer,
  debugLog,
  type NetworkConnection,
  type PeerLimits,
  type ResolvedConnectionConfig,
  type Result,
  SecretVerifier,
  redactEndpoint,
  WarningLimiter,
} from '@entropynet/core';
import { isSystemError, type LocalSocket, type NativeBinding, type PeerCredentials } from '../native-binding.js';
import { clearTimeout, setImmediate, setTimeout } from '../platform-time.js';
import { pooledBytes } from '../pooled-bytes.js';
import { IDENTITY_BYTES } from '../region/layout.js';
import { type RegionAccess, SharedMemoryRegion } from '../region/shared-memory-region.js';
import {
  decodeRequest,
  describeRefusal,
  encodeProofStep,
  encodeRefusal,
  encodeReply,
  HANDSHAKE_BYTES,
  type HandshakeRequest,
  MIN_REGION_BYTES,
  ProofStep,
  Refusal,
  sendMessage,
} from './handshake-messages.js';
import { peerOf } from './peer-process.js';

const log = debugLog('shm');

/** Warns the operators of a server about refused clients. */
const warnings = new WarningLimiter();

/** The result of a successful handshake. The receiver owns the region and the socket. */
export interface CompletedHandshake {
  readonly region: SharedMemoryRegion;
  readonly socket: LocalSocket;
  readonly peerLimits: PeerLimits;
  readonly peer: ConnectionPeer;
  readonly place: AcceptPlace<NetworkConnection>;
}

interface HandshakeOptions {
  readonly binding: NativeBinding;
  readonly socket: LocalSocket;
  readonly client: PeerCredentials;
  readonly config: ResolvedConnectionConfig;
  readonly access: RegionAccess;
  readonly serverNonce: Uint8Array;
  /** Returns a place for one more connection, if there is one. */
  admit(): Result<AcceptPlace<NetworkConnection>>;
  /** Called once: with the result, or undefined if the server refused the client or the client left. */
  onSettled(handshake: PendingHandshake, completed: CompletedHandshake | undefined): void;
}

/**
 * The server's side of one handshake: request, proof of the secret if there is one, answer with the region's
 * descriptor, acknowledgement. A client that is slow, silent or wrong costs one socket until the time limit, and
 * nothing after it. A client gets a region only after it has proved the secret.
 */
export class PendingHandshake {
  readonly #options: HandshakeOptions;
  readonly #processId: number;
  readonly #clientProcessId: number;
  /** The request, later the answer to the challenge. Both have that length. */
  readonly #message = pooledBytes(HANDSHAKE_BYTES);
  readonly #timer: NodeJS.Timeout;
  #filled = 0;
  #request: HandshakeRequest | undefined;
  #verifier: SecretVerifier | undefined;
  #region: SharedMemoryRegion | undefined;
  /**
   * The descriptor of the region; -1 if there is none. It stays open until the client has mapped the region: on Windows
   * the client copies it from this process, and other systems lose a descriptor that was closed in transit.
   */
  #descriptor = -1;
  #place: AcceptPlace<NetworkConnection> | undefined;
  #peerLimits: PeerLimits | undefined;
  #isSettled = false;

  /** Throws the system's error if it can't watch the client's socket. Then the caller still owns the socket. */
  constructor(options: HandshakeOptions, processId: number) {
    this.#options = options;
    this.#processId = processId;
    this.#clientProcessId = options.client.processId;
    // This comes first: if the system can't watch another socket, this throws and nothing else has to be undone.
    options.socket.watch(() => {
      try {
        this.#read();
      } catch {
        // The client left before it read the answer. It needs no further reply.
        this.cancel();
      }
    });
    this.#timer = setTimeout(() => {
      // If this process was busy, the client's message may already be in the socket. It is read before this callback
      // runs.
      setImmediate(() => {
        this.cancel();
      });
    }, options.config.sharedMemory.handshakeTimeoutMs).unref();
  }

  /** Whether the client was promised a connection. It counts as one until the handshake ends. */
  get isGranted(): boolean {
    return this.#region !== undefined;
  }

  /** Ends the handshake without an answer. Idempotent. */
  cancel(): void {
    this.#settle(undefined);
  }

  #read(): void {
    if (this.#peerLimits !== undefined) {
      this.#readAcknowledgement();
      return;
    }
    const received = this.#options.socket.receive(this.#message.subarray(this.#filled));
    // A client must not pass a descriptor. This process closes it, so that a client can't fill its table.
    if (received.descriptor >= 0) this.#options.binding.closeDescriptor(received.descriptor);
    this.#filled += received.bytes;
    if (this.#filled === HANDSHAKE_BYTES) {
      this.#filled = 0;
      if (this.#request === undefined) this.#onRequest();
      else this.#onProof(this.#request);
    } else if (received.ended) this.cancel();
  }

  #onRequest(): void {
    const { socket, config, serverNonce } = this.#options;
    // STEP(accept: asked)
    const request = decodeRequest(this.#message);
    if (!request.ok) {
      this.#refuse(request.error.code === 'IncompatibleVersion' ? Refusal.Version : Refusal.Malformed);
      return;
    }
    if (Buffer.compare(request.value.serverNonce, serverNonce) !== 0) {
      this.#refuse(Refusal.Identity);
      return;
    }
    const agreed = agreeOnSecret(config.secret, request.value.limits.hasSecret);
    if (!agreed.ok) {
      this.#refuse(config.secret === undefined ? Refusal.SecretUnknown : Refusal.SecretMissing);
      return;
    }
    this.#request = request.value;
    if (config.secret === undefined) {
      this.#grant(request.value);
      return;
    }
    this.#verifier = new SecretVerifier(config.secret);
    sendMessage(socket, encodeProofStep(ProofStep.Challenge, this.#verifier.challenge));
  }

  #onProof(request: HandshakeRequest): void {
    const proof = this.#verifier?.check(this.#message);
    if (proof?.ok !== true) {
      this.#refuse(Refusal.SecretWrong);
      return;
    }
    sendMessage(this.#options.socket, encodeProofStep(ProofStep.Proof, proof.value));
    this.#grant(request);
  }

  #grant(request: HandshakeRequest): void {
    const { binding, access, socket, config } = this.#options;
    const place = this.#options.admit();
    if (!place.ok) {
      this.#refuse(Refusal.Limit);
      return;
    }
    this.#place = place.value;
    const identity = randomFillSync(pooledBytes(IDENTITY_BYTES));
    // The smaller of the two sizes, because each side's configuration limits its own mapping.
    const regionBytes = Math.min(config.sharedMemory.regionSize, request.regionBytes);
    const block = { identity, serverProcessId: this.#processId, clientProcessId: this.#clientProcessId };
    const { prefault } = config.sharedMemory;
    const made =
      regionBytes < MIN_REGION_BYTES
        ? undefined
        : SharedMemoryRegion.create(binding, access, regionBytes, block, prefault);
    if (made?.ok !== true) {
      if (made === undefined) this.#refuse(Refusal.Malformed);
      else {
        warnings.warn(`EntropyNet server '${redactEndpoint(config.endpoint)}' refuses a client: ${made.error.message}`);
        const { cause } = made.error;
        this.#refuse(Refusal.Region, isSystemError(cause) ? cause.code : '');
      }
      return;
    }
    this.#region = made.value.region;
    this.#descriptor = made.value.descriptor;
    // STEP(accept: region made)
    sendMessage(socket, encodeReply({ regionBytes, identity, limits: config }), made.value.descriptor);
    // STEP(accept: answered)
    this.#peerLimits = request.limits;
  }

  #readAcknowledgement(): void {
    const { socket, binding } = this.#options;
    // Wakes may follow directly, and this read takes them too. Receiving starts with a look at the ring anyway.
    const received = socket.receive(pooledBytes(HANDSHAKE_BYTES));
    if (received.descriptor >= 0) binding.closeDescriptor(received.descriptor);
    const region = this.#region;
    const peerLimits = this.#peerLimits;
    const place = this.#place;
    if (received.bytes > 0 && region !== undefined && peerLimits !== undefined && place !== undefined) {
      // STEP(accept: acknowledged)
      this.#settle({
        region,
        socket,
        peerLimits,
        peer: peerOf(this.#options.client, region.libraryOf('client')),
        place,
      });
    } else if (received.ended) this.cancel();
  }

  /** @param systemCode the code of the system's error, such as `ENOMEM`, if there is one */
  #refuse(refusal: Refusal, systemCode = ''): void {
    log(() => `handshake with process ${this.#clientProcessId} refused: ${describeRefusal(refusal)}`);
    sendMessage(this.#options.socket, encodeRefusal(refusal, systemCode));
    this.cancel();
  }

  #settle(completed: CompletedHandshake | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#options.socket.unwatch();
    // The mapping keeps the memory.
    if (this.#descriptor >= 0) this.#options.binding.closeDescriptor(this.#descriptor);
    this.#descriptor = -1;
    log(() => {
      const outcome = completed === undefined ? 'gave up' : `assigned a region of ${completed.region.byteLength} bytes`;
      return `handshake with process ${this.#clientProcessId}: ${outcome}`;
    });
    if (completed === undefined) {
      // The client may be connected already, with only its acknowledgement unread. The mark makes it see a goodbye, not
      // a death.
      this.#region?.markClosed('server');
      this.#options.socket.close();
      this.#region?.unmap();
      this.#place?.release();
    }
    this.#options.onSettled(this, completed);
  }
}
