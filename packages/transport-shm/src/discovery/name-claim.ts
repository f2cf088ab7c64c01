import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { debugLog, err, ok, type Result } from '@entropynet/core';
import { isSystemError, type LocalSocket, type NativeBinding } from '../native-binding.js';
import { IDENTITY_BYTES } from '../region/layout.js';
import { failureAt } from '../system-failures.js';
import { publishDiscoveryRegion } from './discovery-region.js';
import { type ServerNames, serverNames } from './names.js';

const log = debugLog('shm');

/** How many clients may wait for `accept` in the kernel. */
const BACKLOG = 128;

/** Another server holds the lock for a fraction of a millisecond; asking again soon is cheap. */
const LOCK_RETRY_MS = 2;

interface ClaimOptions {
  readonly binding: NativeBinding;
  readonly directory: string;
  readonly name: string;
  readonly maxConnections: number;
  readonly timeoutMs: number;
}

/**
 * A server's hold on its name: the socket and the discovery region. Taken and given back under a lock of the directory,
 * so that of several servers exactly one wins, a dead one is replaced, and nobody removes what is another's.
 */
export class NameClaim {
  readonly nonce: Uint8Array;
  readonly socket: LocalSocket;
  readonly #binding: NativeBinding;
  readonly #directory: string;
  readonly #names: ServerNames;

  private constructor(options: ClaimOptions, names: ServerNames, socket: LocalSocket, nonce: Uint8Array) {
    this.#binding = options.binding;
    this.#directory = options.directory;
    this.#names = names;
    this.socket = socket;
    this.nonce = nonce;
  }

  /** Takes the name. `AddressInUse`: a living server has it. */
  static async take(options: ClaimOptions): Promise<Result<NameClaim>> {
    const { binding, directory, name } = options;
    const lock = await lockDirectory(binding, directory, options.timeoutMs);
    if (!lock.ok) return lock;
    const names = serverNames(directory, name);
    try {
      // STEP(listen: locked)
      if (isServed(binding, names.socket)) {
        return err('AddressInUse', `a server named '${name}' is running already (socket ${names.socket})`);
      }
      // STEP(listen: nobody answers)
      rmSync(names.socket, { force: true });
      const socket = binding.LocalSocket.listen(names.socket, BACKLOG);
      binding.removeAtExit(names.socket);
      // STEP(listen: socket bound)
      const claim = new NameClaim(options, names, socket, randomBytes(IDENTITY_BYTES));
      claim.#publish(options.maxConnections);
      // STEP(listen: published)
      log(() => `took the name '${name}': socket ${names.socket}`);
      return ok(claim);
    } catch (error) {
      return failureAt(names.socket, `the server named '${name}' could not be set up at ${names.socket}`, error);
    } finally {
      binding.closeDescriptor(lock.value);
    }
  }

  /** Gives the name back. Nothing stays behind. */
  async release(timeoutMs: number): Promise<void> {
    const lock = await lockDirectory(this.#binding, this.#directory, timeoutMs);
    // Without the lock the names stay for the next server to replace: it finds that nobody answers.
    // STEP(close: locked)
    if (lock.ok) this.#removeNames();
    // STEP(close: names removed)
    log(
      () =>
        `gave back the socket ${this.#names.socket}${lock.ok ? '' : '; its names stay, as the lock was not to be had'}`,
    );
    this.socket.close();
    if (lock.ok) this.#binding.closeDescriptor(lock.value);
  }

  #publish(maxConnections: number): void {
    try {
      const { processId, startTime } = this.#binding.processIdentity();
      publishDiscoveryRegion(this.#names.region, { nonce: this.nonce, processId, startTime, maxConnections });
      this.#binding.removeAtExit(this.#names.region);
    } catch (error) {
      this.#removeNames();
      this.socket.close();
      throw error;
    }
  }

  #removeNames(): void {
    for (const path of [this.#names.region, this.#names.socket]) {
      rmSync(path, { force: true });
      this.#binding.forgetAtExit(path);
    }
  }
}

/** Whether a living process listens at the socket. Its kernel queue being full means that it lives. */
export function isServed(binding: NativeBinding, path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    binding.LocalSocket.connect(path).close();
    return true;
  } catch (error) {
    return isSystemError(error) && error.code === 'EAGAIN';
  }
}

/** The directory's lock: a descriptor, which gives it back when it is closed. `Timeout`: another process keeps it. */
export async function lockDirectory(
  binding: NativeBinding,
  directory: string,
  timeoutMs: number,
): Promise<Result<number>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return ok(binding.lockDirectory(directory));
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') {
        return failureAt(directory, `the directory ${directory} could not be locked`, error);
      }
      if (performance.now() > deadline) {
        return err('Timeout', `the directory ${directory} stayed locked by another process for ${timeoutMs} ms`, error);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
  }
}
