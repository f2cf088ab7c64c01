import {
  type ConnectionPeer,
  err,
  type Failure,
  ok,
  type PeerLimits,
  type ResolvedConnectionConfig,
  type Result,
  SecretProver,
} from '@entropynet/core';
import { isSystemError, type LocalSocket, type NativeBinding } from '../native-binding.js';
import { pooledBytes } from '../pooled-bytes.js';
import { sideLayout } from '../region/layout.js';
import { type RegionAccess, SharedMemoryRegion } from '../region/shared-memory-region.js';
import type { SharedMemoryConfig } from '../shared-memory-options.js';
import { describeCode, describeSystemError, isShortage } from '../system-failures.js';
import { connectTo, type FoundServer, isReplaced, type OpenedSocket } from './find-server.js';
import {
  ACKNOWLEDGEMENT,
  decodeProofStep,
  decodeReply,
  encodeRequest,
  HANDSHAKE_BYTES,
  type HandshakeReply,
  MIN_REGION_BYTES,
  ProofStep,
  sendMessage,
} from './handshake-messages.js';
import { shownNameOf } from './names.js';
import { peerOf } from './peer-process.js';

const NO_ANSWER = 'the server ended the handshake without an answer';

/** The result of a handshake. The caller owns the region and the socket. */
export interface Assignment {
  readonly region: SharedMemoryRegion;
  readonly socket: LocalSocket;
  readonly peerLimits: PeerLimits;
  /** The server's process. */
  readonly peer: ConnectionPeer;
}

/**
 * Asks a server for a region, through the socket that was opened to it, and maps the region. If that fails or `signal`
 * aborts, it closes the socket and releases everything.
 */
export async function requestRegionAt(
  found: FoundServer,
  { socket, server }: OpenedSocket,
  config: ResolvedConnectionConfig,
  signal: AbortSignal,
): Promise<Result<Assignment>> {
  const { binding, access, identity } = found;
  const shown = shownNameOf(config.endpoint);
  let region: SharedMemoryRegion | undefined;
  // STEP(connect: socket open)
  try {
    const regionBytes = config.sharedMemory.regionSize;
    sendMessage(socket, encodeRequest({ serverNonce: identity.nonce, regionBytes, limits: config }));
    // STEP(connect: asked)
    const answered = await receiveAnswer(binding, socket, config.secret, signal);
    if (!answered.ok) {
      socket.close();
      return await orGone(answered, found, shown, signal);
    }
    // STEP(connect: answered)
    const mapped = attach(binding, access, answered.value, config.sharedMemory);
    if (!mapped.ok) {
      socket.close();
      return mapped;
    }
    region = mapped.value;
    // STEP(connect: mapped)
    sendMessage(socket, ACKNOWLEDGEMENT);
    // STEP(connect: acknowledged)
    const peer = peerOf(server, region.libraryOf('server'));
    return ok({ region, socket, peerLimits: answered.value.reply.limits, peer });
  } catch (error) {
    region?.unmap();
    socket.close();
    return await orGone(brokenOff(error), found, shown, signal);
  }
}

/**
 * Returns the reason of a failed handshake. A dying server ends the handshakes of the clients in its queue, and so does
 * a server that refuses a client. A dying server may still hold its lock for a moment, in which its socket refuses. A
 * new connection succeeds only if a server lives there, and the nonce shows whether it is the same server.
 */
async function orGone(
  failure: Failure,
  found: FoundServer,
  shown: string,
  signal: AbortSignal,
): Promise<Result<Assignment>> {
  const { code, message, cause } = failure.error;
  const wasReset = isSystemError(cause) && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
  if (code !== 'HandshakeFailed' || !(wasReset || message === NO_ANSWER)) return failure;
  const again = await connectTo(found, shown, signal);
  if (again.ok) again.value.socket.close();
  const hasGone = again.ok ? isReplaced(found) : again.error.code === 'TransportUnavailable';
  if (!hasGone) return failure;
  return err('PeerDied', `the server named '${shown}' went away during the handshake`, failure.error);
}

function brokenOff(error: unknown): Failure {
  // On Windows a client copies the region's handle from the server's process.
  const isKeptOut = isSystemError(error) && error.syscall === 'OpenProcess';
  const hint = isKeptOut ? '; the server has more rights than this process: run both as administrator, or neither' : '';
  return err(
    isShortage(error) ? 'ResourceLimitExceeded' : 'HandshakeFailed',
    `the handshake broke off: ${describeSystemError(error)}${hint}`,
    error,
  );
}

interface Answer {
  readonly reply: HandshakeReply;
  /** The descriptor of the region. The receiver must close it. */
  readonly descriptor: number;
}

/** Receives the server's answer and its descriptor. If there is a secret, both sides prove it first. */
async function receiveAnswer(
  binding: NativeBinding,
  socket: LocalSocket,
  secret: string | undefined,
  signal: AbortSignal,
): Promise<Result<Answer>> {
  if (secret !== undefined) {
    const proved = await proveSecret(binding, socket, new SecretProver(secret), signal);
    if (!proved.ok) return proved;
  }
  const received = await receiveMessage(binding, socket, signal);
  if (!received.ok) return received;
  const { descriptor } = received.value;
  const answer = answerOf(received.value);
  if (!answer.ok && descriptor >= 0) binding.closeDescriptor(descriptor);
  return answer;
}

async function proveSecret(
  binding: NativeBinding,
  socket: LocalSocket,
  prover: SecretProver,
  signal: AbortSignal,
): Promise<Result> {
  const challenge = await receiveProofStep(binding, socket, ProofStep.Challenge, signal);
  if (!challenge.ok) return challenge;
  const answer = prover.answer(challenge.value);
  if (!answer.ok) return answer;
  sendMessage(socket, answer.value);
  const proof = await receiveProofStep(binding, socket, ProofStep.Proof, signal);
  return proof.ok ? prover.check(proof.value) : proof;
}

async function receiveProofStep(
  binding: NativeBinding,
  socket: LocalSocket,
  step: ProofStep,
  signal: AbortSignal,
): Promise<Result<Uint8Array>> {
  const received = await receiveMessage(binding, socket, signal);
  if (!received.ok) return received;
  // No descriptor belongs to this message.
  if (received.value.descriptor >= 0) binding.closeDescriptor(received.value.descriptor);
  return decodeProofStep(received.value.bytes, step);
}

/** One whole message of the server. */
interface Received {
  readonly bytes: Uint8Array;
  /** -1, or a descriptor that the receiver must close. */
  readonly descriptor: number;
}

function receiveMessage(binding: NativeBinding, socket: LocalSocket, signal: AbortSignal): Promise<Result<Received>> {
  return new Promise((resolve) => {
    const bytes = pooledBytes(HANDSHAKE_BYTES);
    let filled = 0;
    let descriptor = -1;
    const settle = (result: Result<Received>): void => {
      signal.removeEventListener('abort', onAbort);
      socket.unwatch();
      if (!result.ok && descriptor >= 0) binding.closeDescriptor(descriptor);
      resolve(result);
    };
    const onAbort = (): void => {
      settle(err('Aborted', 'connecting was aborted'));
    };
    const read = (): void => {
      const received = socket.receive(bytes.subarray(filled));
      // The bytes are still in the socket, because the system may report the descriptor of a later message. The next read
      // would take them for that message.
      if (received.descriptorLost) {
        settle(
          err('ResourceLimitExceeded', `the region's descriptor could not be received: ${describeCode('EMFILE')}`),
        );
        return;
      }
      if (received.descriptor >= 0) {
        if (descriptor >= 0) binding.closeDescriptor(descriptor);
        descriptor = received.descriptor;
      }
      filled += received.bytes;
      if (filled === HANDSHAKE_BYTES) settle(ok({ bytes, descriptor }));
      else if (received.ended) settle(err('HandshakeFailed', NO_ANSWER));
    };
    socket.watch(() => {
      try {
        read();
      } catch (error) {
        settle(brokenOff(error));
      }
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function answerOf({ bytes, descriptor }: Received): Result<Answer> {
  const reply = decodeReply(bytes);
  if (!reply.ok) return reply;
  if (descriptor < 0) return err('HandshakeFailed', 'the server answered without a region');
  return ok({ reply: reply.value, descriptor });
}

function attach(
  binding: NativeBinding,
  access: RegionAccess,
  { reply, descriptor }: Answer,
  { regionSize: wantedBytes, prefault }: SharedMemoryConfig,
): Result<SharedMemoryRegion> {
  try {
    if (reply.regionBytes > wantedBytes || reply.regionBytes < MIN_REGION_BYTES) {
      return err(
        'SharedMemorySizeMismatch',
        `the server assigned a region of ${reply.regionBytes} bytes; from ${MIN_REGION_BYTES} to ${wantedBytes} are allowed`,
      );
    }
    const attached = SharedMemoryRegion.attach(
      binding,
      access,
      descriptor,
      reply.regionBytes,
      reply.identity,
      prefault,
    );
    if (!attached.ok || isFresh(attached.value)) return attached;
    attached.value.unmap();
    return err('SharedMemoryCorrupted', "the server has written this side's words of the region's control block");
  } finally {
    // The mapping keeps the memory, so the descriptor is no longer needed.
    binding.closeDescriptor(descriptor);
  }
}

/** Whether the words that only this side writes are 0, their first value. */
function isFresh(region: SharedMemoryRegion): boolean {
  const { tail, head, closed, sleep, waitsForRoom } = sideLayout('client', region.ringCapacity);
  return [tail, head, closed, sleep, waitsForRoom].every((word) => Atomics.load(region.words, word) === 0);
}
