import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { loadTransport, PeerActions } from './peer-actions.js';
import type { PeerModule } from './peer-module.js';
import { PendingCalls } from './pending-calls.js';
import { within } from '../support/until.js';

/** The place of the far side of a connection. */
export type Placement = 'same thread' | 'worker thread' | 'other process';

/** A peer and its process or thread. */
export interface PeerHost<Actions extends PeerActions = PeerActions> extends AsyncDisposable {
  /** The actions of the peer. */
  readonly actions: Actions;
  /** Whether it can still answer. */
  readonly isAlive: boolean;
  /** The end of the process or thread: its exit code, or the signal. */
  readonly ended: Promise<number | string>;
  /** Sends a signal to the peer's process. */
  signal(name: NodeJS.Signals): void;
}

/** Starts a peer that uses the transport of `module`. */
export async function startPeer(placement: Placement, module: PeerModule): Promise<PeerHost> {
  switch (placement) {
    case 'same thread':
      return peerInThisThread(new PeerActions(await loadTransport(module)));
    case 'worker thread':
      return await peerInWorker(module);
    case 'other process':
      return await peerInProcess(spawnPeer(module));
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

/** Starts the process of a peer. `peer-protocol.ts` describes its messages. */
export function spawnPeer(module: PeerModule): ChildProcess {
  return forkPeer(module, fileURLToPath(new URL('peer-process.js', import.meta.url)));
}

/**
 * Starts another program as a peer, with another command before its own arguments. The program supports at least the
 * same messages.
 */
export function forkPeer(
  module: PeerModule,
  program: string,
  command = process.execPath,
  execArgv: readonly string[] = [],
): ChildProcess {
  return fork(program, [JSON.stringify(module)], {
    execPath: command,
    execArgv: [...execArgv],
    serialization: 'advanced',
    // The last output of a peer that has to crash is no part of this run's output.
    stdio: ['ignore', 'ignore', process.env['PEER_OUTPUT'] === undefined ? 'ignore' : 'inherit', 'ipc'],
  });
}

/** Returns a peer in a process that `forkPeer` started, after it is ready. */
export async function peerInProcess<Actions extends PeerActions>(child: ChildProcess): Promise<PeerHost<Actions>> {
  const calls = new PendingCalls((request) => {
    child.send(request, () => {
      // The exit shows that a peer died meanwhile.
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
      // This also ends a stopped process.
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
