import { resolveConnectionConfig, unwrap } from '@entropynet/core';
import type { LocalSocket, NativeBinding } from '@entropynet/transport-shm/internal/native-binding';
import { AWAKE, sideLayout, SLEEPS_ON_FUTEX } from '@entropynet/transport-shm/internal/region/layout';
import { SharedMemoryRegion } from '@entropynet/transport-shm/internal/region/shared-memory-region';
import type { RingWriter } from '@entropynet/transport-shm/internal/ring/ring-writer';
import { SharedMemoryLink } from '@entropynet/transport-shm/internal/shared-memory-link';
import { clientWriter } from '@entropynet/test/support/shared-memory/shared-memory-support';

const REGION_BYTES = 65_536;

/** A link over memory of this process, with a socket that the test rings, and the peer's writer. */
export class LinkHarness {
  readonly link: SharedMemoryLink;
  readonly writer: RingWriter;
  readonly received: number[] = [];
  readonly responsiveness: boolean[] = [];
  readonly ends: (string | undefined)[] = [];
  /** Rings that wait in the socket. */
  rings = 0;
  /** Called when the link empties the socket, before it does. */
  onConsume: () => void = () => undefined;
  /** Called when the link reports whether the peer responds. */
  onResponsiveness: () => void = () => undefined;
  /** Called when the link blocks its thread. */
  onWait: () => void = () => undefined;
  /** Called when the link wakes a peer that blocks its thread. */
  onWakeWord: () => void = () => undefined;
  #listener: () => void = () => undefined;
  readonly #words: Int32Array;
  readonly #peerHead: number;
  readonly #peerSleep: number;
  readonly #needIndex: number;
  readonly #sleepIndex: number;

  constructor(wait: 'sleep' | 'adaptive' = 'sleep') {
    const binding = {
      createRegion: (byteLength: number) => ({ buffer: new ArrayBuffer(byteLength), descriptor: -1 }),
      unmapRegion: () => undefined,
      waitOnWord: () => {
        this.onWait();
        return 'timed-out';
      },
      wakeWord: () => {
        this.onWakeWord();
        return 0;
      },
    } as unknown as NativeBinding;
    const block = { identity: new Uint8Array(16), serverProcessId: 1, clientProcessId: 2 };
    const { region } = unwrap(SharedMemoryRegion.create(binding, 'direct', REGION_BYTES, block));
    const socket = {
      watch: (listener: () => void) => {
        this.#listener = listener;
      },
      consumeRings: () => {
        this.onConsume();
        this.rings = 0;
        return false;
      },
      close: () => undefined,
    } as unknown as LocalSocket;
    const { sharedMemory } = unwrap(
      resolveConnectionConfig({
        endpoint: 'harness',
        sharedMemory: { wait, regionSize: REGION_BYTES, unresponsiveAfterMs: 1000 },
      }),
    );
    this.link = new SharedMemoryLink(region, socket, 'server', sharedMemory);
    this.link.attach({
      sink: { receive: (header) => void this.received.push(header) },
      onWritable: () => undefined,
      onResponsivenessChanged: (isResponsive) => {
        this.responsiveness.push(isResponsive);
        this.onResponsiveness();
      },
      onEnded: (error) => this.ends.push(error?.code),
    });
    this.#words = region.words;
    const own = sideLayout('server', region.ringCapacity);
    this.#needIndex = own.waitsForRoom;
    this.#sleepIndex = own.sleep;
    const peer = sideLayout('client', region.ringCapacity);
    this.#peerHead = peer.head;
    this.#peerSleep = peer.sleep;
    this.writer = clientWriter(region, () => {
      this.rings += 1;
    });
  }

  write(header: number): void {
    this.writer.tryWrite(header, new Uint8Array(4), 0, 4);
  }

  /** Whether the link has declared that it is awake. */
  get isAwake(): boolean {
    return this.#words[this.#sleepIndex] === AWAKE;
  }

  /** Whether the link has declared that it needs room. */
  get needsRoom(): boolean {
    return this.#words[this.#needIndex] === 1;
  }

  /** What the peer does when it reports room. */
  turnBackNeed(): void {
    this.#words[this.#needIndex] = 0;
  }

  /** The peer reads everything that the link has written. */
  readEverything(): void {
    Atomics.store(this.#words, this.#peerHead, this.link.writer.written);
  }

  /** The peer blocks its thread. */
  blockPeer(): void {
    Atomics.store(this.#words, this.#peerSleep, SLEEPS_ON_FUTEX);
  }

  /** What the event loop does as long as the socket is readable. */
  ringUntilQuiet(): void {
    while (this.rings > 0) this.#listener();
  }
}
