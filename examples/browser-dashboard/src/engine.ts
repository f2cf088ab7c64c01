import { performance } from 'node:perf_hooks';
import type { Frame, Order, Settings } from './protocol.js';

const FRAME_MS = 1000 / 60;
const STEP = 0.016;

/** Something worth watching: particles that fly around, as many as one asks for. */
export class Engine {
  #particles = new Float64Array(0);
  #isPaused = false;
  #number = 0;
  readonly #onFrame: (frame: Frame) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(particles: number, onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
    this.#resize(particles);
    this.#timer = setInterval(() => {
      if (!this.#isPaused) this.#tick();
    }, FRAME_MS);
  }

  get settings(): Settings {
    return { particles: this.#particles.length / 2, isPaused: this.#isPaused };
  }

  apply({ particles, isPaused }: Order): Settings {
    if (particles !== undefined) this.#resize(particles);
    if (isPaused !== undefined) this.#isPaused = isPaused;
    return this.settings;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #resize(count: number): void {
    this.#particles = Float64Array.from({ length: count * 2 }, () => Math.random());
  }

  #tick(): void {
    const start = performance.now();
    const particles = this.#particles;
    for (let index = 0; index < particles.length; index += 2) {
      const x = particles[index]!;
      const y = particles[index + 1]!;
      particles[index] = x + Math.sin(y * 6) * STEP;
      particles[index + 1] = y + Math.cos(x * 6) * STEP;
    }
    this.#number += 1;
    this.#onFrame({ number: this.#number, milliseconds: performance.now() - start, particles: particles.length / 2 });
  }
}
