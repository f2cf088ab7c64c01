import type { ChildProcess } from 'node:child_process';

/** One end of a subject under test: what every workload is written against. */
export interface Port {
  /** Sends one message; false where the subject's own backpressure says to wait: the message was not taken. */
  send(message: Uint8Array): boolean;
  /** Calls back once when `send` may be tried again. */
  whenWritable(callback: () => void): void;
  onMessage(callback: (message: Uint8Array) => void): void;
  close(): Promise<void>;
}

/** Starts the other process, which joins at `address`. */
export type StartPeer = (address: string) => ChildProcess;

/** Something that carries messages between two processes. */
export interface Subject {
  readonly name: string;
  /** Why it can't run here; undefined where it can. */
  unavailable?(folder: string): Promise<string | undefined>;
  /** The driver's end: listens, starts the peer, and resolves when the two are connected. */
  serve(startPeer: StartPeer, folder: string): Promise<Port>;
  /** The peer's end. */
  join(address: string, folder: string): Promise<Port>;
}

/** The first byte of a message says what the peer does with it. */
export const Task = { Echo: 0, Count: 1, Total: 2, NativeCalls: 3 } as const;

/** The length of every message, in bytes. */
export const MESSAGE_BYTES = 64;
