import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MESSAGE_BYTES, type Port, type Subject, Task } from './subject.js';

/** A subject with its peer running. */
export class Session {
  readonly #port: Port;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #message = new Uint8Array(MESSAGE_BYTES).fill(0xa5);
  #onMessage: (message: Uint8Array) => void = () => undefined;

  private constructor(port: Port, child: ChildProcess, folder: string) {
    this.#port = port;
    this.#child = child;
    this.#folder = folder;
    port.onMessage((message) => {
      this.#onMessage(message);
    });
  }

  static async open(subject: Subject, isCounting = false): Promise<Session> {
    const folder = mkdtempSync(join(tmpdir(), 'entropynet-bench-'));
    let child: ChildProcess | undefined;
    const port = await subject.serve((address) => {
      child = fork(fileURLToPath(new URL('./peer.js', import.meta.url)), [
        subject.name,
        address,
        folder,
        String(isCounting),
      ]);
      return child;
    }, folder);
    if (child === undefined) throw new Error(`${subject.name} did not start its peer`);
    return new Session(port, child, folder);
  }

  /** `count` round trips, one after the other; each in microseconds. */
  roundTrips(count: number): Promise<Float64Array> {
    const results = new Float64Array(count);
    this.#message[0] = Task.Echo;
    return new Promise((resolve) => {
      let done = 0;
      let sentAt = process.hrtime.bigint();
      this.#onMessage = () => {
        const now = process.hrtime.bigint();
        results[done] = Number(now - sentAt) / 1000;
        done += 1;
        if (done === count) {
          resolve(results);
          return;
        }
        sentAt = process.hrtime.bigint();
        this.#port.send(this.#message);
      };
      this.#port.send(this.#message);
    });
  }

  /** Sends `count` messages as fast as they are taken; resolves with messages a second, the peer's word for it included. */
  async oneWay(count: number): Promise<number> {
    this.#message[0] = Task.Count;
    const startedAt = performance.now();
    await this.#sendMany(count);
    const received = await this.#ask(Task.Total);
    const seconds = (performance.now() - startedAt) / 1000;
    if (received !== count) throw new Error(`${count} messages were sent and ${received} arrived whole`);
    return count / seconds;
  }

  /** The peer's count of native calls. */
  peerNativeCalls(): Promise<number> {
    return this.#ask(Task.NativeCalls);
  }

  async close(): Promise<void> {
    await this.#port.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill();
      await once(this.#child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #sendMany(count: number): Promise<void> {
    return new Promise((resolve) => {
      let sent = 0;
      const send = (): void => {
        while (sent < count) {
          if (!this.#port.send(this.#message)) {
            this.#port.whenWritable(send);
            return;
          }
          sent += 1;
        }
        resolve();
      };
      send();
    });
  }

  #ask(task: number): Promise<number> {
    const question = new Uint8Array(MESSAGE_BYTES);
    question[0] = task;
    return new Promise((resolve) => {
      this.#onMessage = (message) => {
        if (message[0] === task) resolve(new DataView(message.buffer, message.byteOffset).getUint32(4, true));
      };
      const send = (): void => {
        if (!this.#port.send(question)) this.#port.whenWritable(send);
      };
      send();
    });
  }
}
