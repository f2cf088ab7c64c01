import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { pinProcess } from './pinning.js';
import { LAST_BYTE, MESSAGE_BYTES, type MessageReader, type Port, type Subject, Task } from './subject.js';

/** A message of `length` bytes that asks for `task`. */
export function messageFor(task: number, length = MESSAGE_BYTES): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(length).fill(LAST_BYTE);
  message[0] = task;
  return message;
}

/** A message that asks for `task` with a number. */
function questionWith(task: number, value: number): Uint8Array<ArrayBuffer> {
  const question = messageFor(task);
  new DataView(question.buffer).setFloat64(8, value, true);
  return question;
}

/** How a session starts its peer. */
export interface SessionOptions {
  /** Whether the peer counts calls into native code. */
  readonly isCounting?: boolean;
  /** On which processor the peer runs; undefined: wherever the kernel puts it. @default 1 */
  readonly peerProcessor?: number | undefined;
}

function startProcess(subject: Subject, address: string, folder: string, isCounting: boolean): ChildProcess {
  const program = subject.peerProgram?.(address, folder);
  if (program !== undefined) {
    const environment = { ...process.env, ...program.environment };
    return spawn(program.command, program.options, { env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
  }
  return fork(
    fileURLToPath(new URL('./peer.js', import.meta.url)),
    [subject.name, address, folder, String(isCounting)],
    { serialization: subject.name.includes('advanced') ? 'advanced' : 'json', execArgv: process.execArgv },
  );
}

/** A subject with its peer running. */
export class Session {
  readonly port: Port;
  /** Undefined where the subject needs no other process. */
  readonly #child: ChildProcess | undefined;
  readonly #remove: () => void;
  #onMessage: MessageReader = () => undefined;

  private constructor(port: Port, child: ChildProcess | undefined, remove: () => void) {
    this.port = port;
    this.#child = child;
    this.#remove = remove;
    if (port.inPlace === undefined) {
      port.onMessage((message) => {
        this.#onMessage(message, 0, message.length);
      });
    } else {
      port.inPlace.onMessage((bytes, start, end) => {
        this.#onMessage(bytes, start, end);
      });
    }
  }

  static async open(subject: Subject, options: SessionOptions = {}): Promise<Session> {
    const { isCounting = false } = options;
    const processor = 'peerProcessor' in options ? options.peerProcessor : 1;
    const folder = mkdtempSync(join(tmpdir(), 'entropynet-bench-'));
    const remove = (): void => {
      rmSync(folder, { recursive: true, force: true });
    };
    process.once('exit', remove);
    let child: ChildProcess | undefined;
    try {
      const port = await new Promise<Port>((resolve, reject) => {
        const startPeer = (address: string): ChildProcess => {
          child = startProcess(subject, address, folder, isCounting);
          if (child.pid !== undefined && processor !== undefined) pinProcess(child.pid, processor);
          child.once('error', reject);
          child.once('exit', (code, signal) => {
            reject(new Error(`the peer of '${subject.name}' ended with ${signal ?? `exit code ${String(code)}`}`));
          });
          return child;
        };
        subject.serve(startPeer, folder).then(resolve, reject);
      });
      return new Session(port, child, remove);
    } catch (error) {
      // A subject that can't be served leaves nothing behind.
      child?.kill();
      process.off('exit', remove);
      remove();
      throw error;
    }
  }

  /** `count` round trips, one after the other; each in microseconds. */
  roundTrips(count: number, send: () => boolean = this.#sender(messageFor(Task.Echo))): Promise<Float64Array> {
    const results = new Float64Array(count);
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
        send();
      };
      send();
    });
  }

  /** Round trips of `length` bytes that neither side reads or writes; each in microseconds. */
  untouchedRoundTrips(count: number, length: number): Promise<Float64Array> {
    return this.roundTrips(count, () => this.port.sendUntouched?.(Task.EchoUntouched, length) === true);
  }

  /** `count` round trips with `inFlight` under way at once; returns round trips a second. */
  async pipelined(count: number, inFlight: number): Promise<number> {
    const send = this.#sender(messageFor(Task.Echo));
    const startedAt = performance.now();
    await new Promise<void>((resolve) => {
      let sent = 0;
      let done = 0;
      const fill = (): void => {
        while (sent < count && sent - done < inFlight) {
          if (!send()) {
            this.port.whenWritable(fill);
            return;
          }
          sent += 1;
        }
      };
      this.#onMessage = () => {
        done += 1;
        if (done === count) resolve();
        else fill();
      };
      fill();
    });
    return (count * 1000) / (performance.now() - startedAt);
  }

  /**
   * Round trips at a steady rate; each in microseconds from the moment at which it was due, so that one that is late
   * because of those before it counts as late (no coordinated omission).
   */
  paced(perSecond: number, count: number): Promise<Float64Array> {
    const results = new Float64Array(count);
    const message = messageFor(Task.Echo);
    const intervalMs = 1000 / perSecond;
    return new Promise((resolve) => {
      const startedAt = performance.now() + 1;
      let sent = 0;
      let done = 0;
      this.#onMessage = () => {
        results[done] = (performance.now() - (startedAt + done * intervalMs)) * 1000;
        done += 1;
        if (done === count) resolve(results);
      };
      // The driver's own event loop turns without a pause: a timer would be late by more than is measured.
      const step = (): void => {
        while (sent < count && performance.now() >= startedAt + sent * intervalMs) {
          if (!this.port.send(message)) break;
          sent += 1;
        }
        if (done < count) setImmediate(step);
      };
      step();
    });
  }

  /** Sends `count` messages as fast as they are taken; resolves with messages a second, the peer's word for it included. */
  async oneWay(count: number, length = MESSAGE_BYTES): Promise<number> {
    const message = messageFor(Task.Count, length);
    const startedAt = performance.now();
    await this.flood(count, message);
    const received = await this.ask(Task.Total);
    const seconds = (performance.now() - startedAt) / 1000;
    if (received !== count) throw new Error(`${count} messages were sent and ${received} arrived whole`);
    return count / seconds;
  }

  /** Writes `count` chunks of `length` bytes without boundaries as fast as they are taken; resolves with chunks a second. */
  async streamed(count: number, length: number): Promise<number> {
    const stream = this.port.bytes;
    if (stream === undefined) throw new Error('the subject is no stream of bytes');
    const chunk = new Uint8Array(length).fill(LAST_BYTE);
    const question = questionWith(Task.Bytes, count * length);
    const startedAt = performance.now();
    const answered = this.#ask(question);
    await this.flood(count, chunk, { ...this.port, send: (bytes) => stream.write(bytes) });
    const [isWhole] = await answered;
    const seconds = (performance.now() - startedAt) / 1000;
    if (isWhole !== 1) throw new Error(`${count} chunks were written and did not arrive whole`);
    return count / seconds;
  }

  /** Lets the peer open so many further connections; resolves with the milliseconds until each had got a message back. */
  async connect(count: number): Promise<number> {
    const [milliseconds = Number.NaN] = await this.#ask(questionWith(Task.Connect, count));
    return milliseconds;
  }

  /** Sends the message `count` times; resolves when the last was taken. */
  flood(count: number, message: Uint8Array, port: Omit<Port, 'close'> = this.port): Promise<void> {
    const sendOne = port === this.port ? this.#sender(message) : (): boolean => port.send(message);
    return new Promise((resolve) => {
      let sent = 0;
      const send = (): void => {
        while (sent < count) {
          const taken = port.sendBatch?.(message, count - sent) ?? Number(sendOne());
          if (taken === 0) {
            port.whenWritable(send);
            return;
          }
          sent += taken;
        }
        resolve();
      };
      send();
    });
  }

  /** The peer's answer: a number. */
  async ask(task: number): Promise<number> {
    const answer = await this.request(task);
    return answer[0] ?? 0;
  }

  /** The peer's answer: numbers. */
  request(task: number): Promise<Float64Array> {
    return this.#ask(messageFor(task));
  }

  async close(): Promise<void> {
    await this.port.close();
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill();
      await once(child, 'exit');
    }
    process.off('exit', this.#remove);
    this.#remove();
  }

  /** Sends a question, before this returns where there is room; resolves with the numbers of the answer. */
  #ask(question: Uint8Array): Promise<Float64Array> {
    return new Promise((resolve) => {
      this.#onMessage = (bytes, start, end) => {
        // A copy of its own, whose buffer begins where the message does.
        const isAnswer = bytes[start] === question[0];
        if (isAnswer) resolve(new Float64Array(new Uint8Array(bytes.subarray(start, end)).buffer, 8));
      };
      const send = (): void => {
        if (!this.port.send(question)) this.port.whenWritable(send);
      };
      send();
    });
  }

  #sender(message: Uint8Array): () => boolean {
    const { inPlace } = this.port;
    const [task = 0] = message;
    if (inPlace !== undefined) return () => inPlace.send(task, message.length);
    return () => this.port.send(message);
  }
}
