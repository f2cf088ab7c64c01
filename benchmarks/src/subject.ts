import type { ChildProcess } from 'node:child_process';

/** Reads a message where it lies: `bytes[start]` to `bytes[end - 1]`. */
export type MessageReader = (bytes: Uint8Array, start: number, end: number) => void;

/** Bytes without boundaries, in order with the messages of their port. */
export interface ByteStream {
  /** Writes a chunk; false where the stream's own backpressure says to wait: the chunk was not taken. */
  write(chunk: Uint8Array): boolean;
  /** Counts the `count` bytes behind the message that is being taken; `isWhole`: as far as was looked, they are the right ones. */
  receive(count: number, callback: (isWhole: boolean) => void): void;
}

/** One end of a subject under test: what every workload is written against. */
export interface Port {
  /** Sends one message; false where the subject's own backpressure says to wait: the message was not taken. */
  send(message: Uint8Array): boolean;
  /** Sends the message up to `count` times with one call; how often it was taken. Where the subject has such a call. */
  sendBatch?(message: Uint8Array, count: number): number;
  /** Calls back once when `send` may be tried again. */
  whenWritable(callback: () => void): void;
  /** Sets who gets the messages; called once, in the turn of the event loop in which the port was made. */
  onMessage(callback: (message: Uint8Array) => void): void;
  /** The longest message that it can send, in bytes; any length if it is undefined. */
  readonly longestMessage?: number;
  /** Bytes without boundaries, where the subject is a stream of bytes. */
  readonly bytes?: ByteStream;
  /** Sends `length` bytes of which only the first is written; where the subject can send without touching them. */
  sendUntouched?(firstByte: number, length: number): boolean;
  /** Takes the place of `onMessage`, `send` and copies, where the subject reads and writes messages where they lie. */
  readonly inPlace?: {
    onMessage(callback: MessageReader): void;
    /** Sends `length` bytes of which the first and the last are written. */
    send(firstByte: number, length: number): boolean;
  };
  /** A second, named channel beside the default one; where the subject has channels. */
  openChannel?(name: string): Promise<Omit<Port, 'close'>>;
  /**
   * Opens further connections of the same kind, `CONNECTS_AT_ONCE` at once. Each sends a message, gets it back and closes.
   * Resolves with the milliseconds until the last had its answer. Where the peer of the subject can do that.
   */
  connectMore?(count: number): Promise<number>;
  close(): Promise<void>;
}

/** Starts the other process, which joins at `address`; undefined for a subject that has its own way. */
export type StartPeer = (address: string) => ChildProcess;

/** A peer that is no Node.js program. */
export interface PeerProgram {
  readonly command: string;
  readonly options: readonly string[];
  /** What it has beyond this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How processes are started, beyond what is usual. */
export interface ProcessStart {
  /** Arguments for Node.js itself. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Something that carries messages between two processes. */
export interface Subject {
  readonly name: string;
  /**
   * Ours, or what one would use instead between two processes; `broker`: the client of a broker, to compare ours over that
   * broker with; `one process`: both ends in one process, to compare with; `limit`: what JavaScript can do without any
   * semantics; `native peer`: ours, with a program in another language at the other end.
   */
  readonly kind: 'entropynet' | 'peer' | 'broker' | 'one process' | 'limit' | 'native peer';
  /** Left out of `--quick`. */
  readonly isExtra?: boolean;
  /** How both of its processes are started, if not as usual. */
  readonly start?: ProcessStart | undefined;
  /** The workloads that say something of it; all, if it names none. */
  readonly workloads?: readonly string[] | undefined;
  /** Whether its peer has `connectMore`, and its driver answers those connections. */
  readonly connects?: boolean;
  /** The package of its transport, if not every build has it. */
  readonly transport?: string;
  /** Why it can't run here; undefined where it can. */
  unavailable?(folder: string): Promise<string | undefined>;
  /** The driver's end: listens, starts the peer, and resolves when the two are connected. */
  serve(startPeer: StartPeer, folder: string): Promise<Port>;
  /** The peer's end; where it is not in the driver's thread. */
  join?(address: string, folder: string): Promise<Port>;
  /** The peer's end instead of `join`, where it is another program: it connects to the address and plays the workloads. */
  peerProgram?(address: string, folder: string): PeerProgram;
}

/** The first byte of a message says what the peer does with it. */
export const Task = {
  /** Sends it back. */
  Echo: 0,
  /** Counts it, and looks whether it is whole. */
  Count: 1,
  /** Answers how many were counted since the last time. */
  Total: 2,
  /** Answers how often native code was called. */
  NativeCalls: 3,
  /** Sends as many bytes back without having read them. */
  EchoUntouched: 4,
  /** Begins to watch its timers, its garbage collections and its heap. */
  Watch: 5,
  /** Answers with what was watched. */
  Watched: 6,
  /** Answers how much processor time it has used. */
  ProcessorTime: 7,
  /** Counts the bytes that follow, as many as the number in the message says, and answers whether they are whole. */
  Bytes: 8,
  /** Opens as many connections as the number in the message says, and answers how many milliseconds it took. */
  Connect: 9,
} as const;

/** The length of a message where nothing else is said, in bytes. */
export const MESSAGE_BYTES = 64;

/** The last byte of every counted message. */
export const LAST_BYTE = 0xa5;

/** The number behind the first eight bytes of a message. */
export function numberIn(message: Uint8Array): number {
  return new DataView(message.buffer, message.byteOffset, message.length).getFloat64(8, true);
}
