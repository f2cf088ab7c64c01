import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { loadTransport, PeerActions, type PeerModule } from './peer-actions.js';
import { PEER_READY, type ActionName, type PeerReply, type PeerRequest } from './peer-protocol.js';
import { within } from './until.js';

/** Where the far side of a connection runs. */
export type Placement = 'same thread' | 'worker thread' | 'other process';

/** A peer and the place where it runs. */
export interface PeerHost extends AsyncDisposable {
  readonly actions: PeerActions;
  /** Whether it can still be asked. */
  readonly isAlive: boolean;
  /** How the process or thread ended: its exit code, or the signal. */
  readonly ended: Promise<number | string>;
  /** Sends a signal to the peer's process. */
  signal(name: NodeJS.Signals): void;
}

/** How a peer process is started; nothing of it concerns peers elsewhere. */
export interface PeerProcessOptions {
  /** Whether it can be stopped or killed at a step (`PeerActions.armStep`). */
  readonly hasSteps?: boolean;
  /** A command and its options in front of Node.js, for another user, namespace or limit. */
  readonly wrapper?: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a peer that uses the transport of `module`. */
export async function startPeer(
  placement: Placement,
  module: PeerModule,
  options: PeerProcessOptions = {},
): Promise<PeerHost> {
  switch (placement) {
    case 'same thread':
      return peerInThisThread(new PeerActions(await loadTransport(module)));
    case 'worker thread':
      return await peerInWorker(module);
    case 'other process':
      return await peerInProcess(module, options);
  }
}

function peerInThisThread(actions: PeerActions): PeerHost {
  return {
    actions,
    isAlive: true,
    ended: new Promise(() => undefined),
    signal: () => {
      throw new Error('a peer in this thread can have no signal of its own');
    },
    [Symbol.asyncDispose]: () => actions.reset(),
  };
}

async function peerInProcess(module: PeerModule, options: PeerProcessOptions): Promise<PeerHost> {
  const nodeOptions = options.hasSteps === true ? ['--import', new URL('steps-register.js', import.meta.url).href] : [];
  const [command, ...prefix] = [...(options.wrapper ?? []), process.execPath] as [string, ...string[]];
  const child = fork(fileURLToPath(new URL('peer-process.js', import.meta.url)), [JSON.stringify(module)], {
    execPath: command,
    execArgv: [...prefix, ...nodeOptions],
    env: options.env ?? process.env,
    serialization: 'advanced',
    // What a peer that is to crash writes on its way out is no part of this run's output.
    stdio: ['ignore', 'ignore', process.env['PEER_OUTPUT'] === undefined ? 'ignore' : 'inherit', 'ipc'],
  });
  const calls = new PendingCalls((request) => {
    child.send(request, () => {
      // A peer that died meanwhile is noticed by its exit.
    });
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      calls.end(`the peer process ended: ${signal ?? `code ${code ?? 'unknown'}`}`);
      resolve(signal ?? code ?? -1);
    });
  });
  const ready = calls.whenReady();
  child.on('message', (message) => {
    calls.take(message);
  });
  await within(ready, 'a peer process is ready');
  return {
    actions: calls.actions(),
    get isAlive(): boolean {
      return !calls.isEnded;
    },
    ended,
    signal: (name) => child.kill(name),
    [Symbol.asyncDispose]: async () => {
      // Also ends a process that was stopped.
      child.kill('SIGKILL');
      await within(ended, 'a peer process ended');
    },
  };
}

async function peerInWorker(module: PeerModule): Promise<PeerHost> {
  const worker = new Worker(new URL('peer-worker.js', import.meta.url), { workerData: module, execArgv: [] });
  const calls = new PendingCalls((request) => {
    worker.postMessage(request);
  });
  let failure = '';
  const ended = new Promise<number | string>((resolve) => {
    worker.once('exit', (code) => {
      calls.end(`the peer thread ended: code ${code} ${failure}`);
      resolve(code);
    });
  });
  worker.once('error', (error) => {
    failure = error.message;
  });
  const ready = calls.whenReady();
  worker.on('message', (message) => {
    calls.take(message);
  });
  await within(ready, 'a peer thread is ready');
  return {
    actions: calls.actions(),
    get isAlive(): boolean {
      return !calls.isEnded;
    },
    ended,
    signal: () => {
      throw new Error('a peer in a worker can have no signal of its own');
    },
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}

/** Requests on the way to a peer and the promises of their replies. */
class PendingCalls {
  isEnded = false;
  readonly #post: (request: PeerRequest) => void;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (failure: Error) => void }>();
  #nextId = 1;
  #reason = '';

  constructor(post: (request: PeerRequest) => void) {
    this.#post = post;
  }

  /** Resolves when the peer says that it is ready. */
  whenReady(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }));
  }

  take(message: unknown): void {
    if (message === PEER_READY) {
      this.#settle(0)?.resolve(undefined);
      return;
    }
    const reply = message as PeerReply;
    if ('failure' in reply) this.#settle(reply.id)?.reject(new Error(`the peer failed: ${reply.failure}`));
    else this.#settle(reply.id)?.resolve(reply.value);
  }

  end(reason: string): void {
    this.isEnded = true;
    this.#reason = reason;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(new Error(reason));
  }

  /** The peer's actions, each a request. */
  actions(): PeerActions {
    return new Proxy(Object.create(null) as PeerActions, {
      get: (_target, action) => {
        // Awaiting the proxy itself must not ask the peer for `then`.
        if (action === 'then' || typeof action === 'symbol') return undefined;
        return (...args: unknown[]) => this.#call(action as ActionName, args);
      },
    });
  }

  #call(action: ActionName, args: readonly unknown[]): Promise<unknown> {
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
