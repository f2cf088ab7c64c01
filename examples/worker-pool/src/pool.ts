import { type ConnectionConfig, unwrap } from '@entropynet/core';
import type { ConnectionHandle, ConnectionManager, ManagedServer } from '@entropynet/manager';
import { decode, encode } from './task.js';

/** Tasks that a worker has at a time: while it works on one, the next are there already. */
const TASKS_AT_A_TIME = 4;

interface Task {
  readonly id: number;
  readonly value: number;
  readonly resolve: (value: number) => void;
}

/** Gives tasks to the workers that connect. What a worker had when it ended is given to another. */
export class Pool {
  /** How many tasks were given to a second worker, because the first one died with them. */
  givenAgain = 0;
  readonly #server: ManagedServer;
  readonly #onWorkerLost: () => void;
  readonly #waiting: Task[] = [];
  readonly #workers = new Map<ConnectionHandle, Map<number, Task>>();
  #nextId = 0;
  #awaited = 0;
  #onArrived: () => void = () => undefined;

  /** @param onWorkerLost called when a worker ended without being told to, for a new one to be started */
  constructor(manager: ConnectionManager, config: ConnectionConfig, onWorkerLost: () => void) {
    this.#server = unwrap(manager.createServer(config));
    this.#onWorkerLost = onWorkerLost;
  }

  /** Listens; workers may be started when it resolved, with the addresses to fall back to. */
  async listen(): Promise<string[]> {
    unwrap(await this.#server.listen());
    void this.#acceptAll();
    return this.#server.addresses().filter((address) => address.startsWith('ws:'));
  }

  /** Resolves when there are so many workers. */
  ready(workers: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = workers;
      this.#onArrived = resolve;
      if (this.#workers.size >= workers) resolve();
    });
  }

  /** Resolves with the answer of whichever worker gave it. */
  run(value: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push({ id: (this.#nextId += 1), value, resolve });
      this.#distribute();
    });
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    const handles = [...this.#workers.keys()];
    this.#workers.clear();
    await this.#server.close();
    await Promise.all(handles.map((handle) => handle.close()));
  }

  async #acceptAll(): Promise<void> {
    for await (const handle of this.#server) {
      const tasks = new Map<number, Task>();
      this.#workers.set(handle, tasks);
      handle.setMessageCallback((data) => this.#onAnswer(tasks, data));
      handle.on('state', (state) => {
        if (state === 'disconnected' || state === 'failed') this.#onEnd(handle, tasks);
      });
      // A worker may have ended before the listener was there.
      if (!handle.isConnected()) this.#onEnd(handle, tasks);
      this.#distribute();
      if (this.#workers.size >= this.#awaited) this.#onArrived();
    }
  }

  #onAnswer(tasks: Map<number, Task>, data: Uint8Array): void {
    const { id, value } = decode(data);
    const task = tasks.get(id);
    // A worker that answers what it was not asked is not believed.
    if (task === undefined) return;
    tasks.delete(id);
    task.resolve(value);
    this.#distribute();
  }

  /** Answers that the worker had sent were delivered before: what is left was not answered. */
  #onEnd(handle: ConnectionHandle, tasks: Map<number, Task>): void {
    if (!this.#workers.delete(handle)) return;
    void handle.close();
    this.givenAgain += tasks.size;
    this.#waiting.unshift(...tasks.values());
    this.#distribute();
    this.#onWorkerLost();
  }

  #distribute(): void {
    for (const [handle, tasks] of this.#workers) {
      while (tasks.size < TASKS_AT_A_TIME && handle.isConnected()) {
        const task = this.#waiting.shift();
        if (task === undefined) return;
        tasks.set(task.id, task);
        void this.#give(handle, task);
      }
    }
  }

  /** A worker that can't be given a task has failed: when its connection has ended, `#onEnd` gives the task to another. */
  async #give(handle: ConnectionHandle, task: Task): Promise<void> {
    const given = await handle.send(encode(task));
    if (!given.ok) await handle.disconnect();
  }
}
