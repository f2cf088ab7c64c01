import type { Receiver } from '@entropynet/transport-shm/internal/wait/receiver';
import { WaitStrategy } from '@entropynet/transport-shm/internal/wait/wait-strategy';
import { performance } from 'node:perf_hooks';

/** A receiver with `frames` to deliver, each of which costs the thread `frameMs`. */
export class FakeReceiver implements Receiver {
  readonly strategy: WaitStrategy;
  readonly writer = {
    hasWrittenMore: (): boolean => {
      const { answers } = this;
      this.answers = false;
      return answers;
    },
    prepareFrame: (): void => {
      this.onPrepare();
    },
  };
  readonly pollMicroseconds = 50;
  isReferenced = true;
  frames = 0;
  frameMs = 0;
  delivered = 0;
  /** Whether it has answered since the last question. */
  answers = false;
  readonly failures: unknown[] = [];
  onFrame: () => void = () => undefined;
  /** Called when the loop is about to look for work. */
  onPrepare: () => void = () => undefined;
  /** Called when the loop wakes it. */
  onWakeUp: () => void = () => undefined;

  constructor(mode: 'sleep' | 'adaptive' | 'spin' = 'sleep') {
    this.strategy = new WaitStrategy(mode);
  }

  get seemsToHaveWork(): boolean {
    return this.frames > 0;
  }

  work(limit: number): number {
    const count = Math.min(limit, this.frames);
    for (let index = 0; index < count; index += 1) {
      for (const end = performance.now() + this.frameMs; performance.now() < end;);
      this.frames -= 1;
      this.delivered += 1;
      this.onFrame();
    }
    return count;
  }

  wakeUp(): void {
    this.onWakeUp();
  }

  trySleep(): boolean {
    return this.frames === 0;
  }

  fail(error: unknown): void {
    this.failures.push(error);
  }
}
