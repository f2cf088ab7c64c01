import type { PeerActions } from './peer-actions.js';
import { PEER_READY, type PeerReply, type PeerRequest } from './peer-protocol.js';
import { within } from '../support/until.js';

/** The requests to a peer without a reply, each with its promise. */
export class PendingCalls {
  /** Whether the peer is gone. */
  isEnded = false;
  readonly #post: (request: PeerRequest) => void;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (failure: Error) => void }>();
  #nextId = 1;
  #reason = '';

  /** @param post sends a request to the peer */
  constructor(post: (request: PeerRequest) => void) {
    this.#post = post;
  }

  /** Resolves when the peer is ready. */
  whenReady(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }));
  }

  /** Handles a message of the peer. */
  take(message: unknown): void {
    if (message === PEER_READY) {
      this.#settle(0)?.resolve(undefined);
      return;
    }
    const reply = message as PeerReply;
    if ('failure' in reply) this.#settle(reply.id)?.reject(new Error(`the peer failed: ${reply.failure}`));
    else this.#settle(reply.id)?.resolve(reply.value);
  }

  /** Rejects every request, because the peer has gone. */
  end(reason: string): void {
    this.isEnded = true;
    this.#reason = reason;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(new Error(reason));
  }

  /** Returns the peer's actions. Each call is a request. */
  actions<Actions extends PeerActions>(): Actions {
    return new Proxy(Object.create(null) as Actions, {
      get: (_target, action) => {
        // An await of the proxy itself must not ask the peer for `then`.
        if (action === 'then' || typeof action === 'symbol') return undefined;
        return (...args: unknown[]) => this.#call(action, args);
      },
    });
  }

  #call(action: string, args: readonly unknown[]): Promise<unknown> {
    if (this.isEnded) return Promise.reject(new Error(`${action}: ${this.#reason}`));
    const id = this.#nextId++;
    const reply = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#post({ id, action, args });
    return within(reply, `the peer did '${action}'`);
  }

  #settle(id: number): { resolve: (value: unknown) => void; reject: (failure: Error) => void } | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    return call;
  }
}
