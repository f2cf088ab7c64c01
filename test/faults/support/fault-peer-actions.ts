import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { PeerActions } from '@entropynet/conformance/tools';
import { armStep, type Step } from './steps.js';

/** A peer that can be told to fail in more ways. */
export class FaultPeerActions extends PeerActions {
  /** What happens when it comes to a step; for peers that were started with `hasSteps`. */
  async armStep(step: Step): Promise<void> {
    armStep(step);
  }

  /** Connects to a local socket by itself, asks for nothing that exists, and says what came. */
  async rawConnect(path: string): Promise<string> {
    return new Promise((resolve) => {
      let answer = 0;
      const socket = createConnection(path, () => socket.write(Buffer.alloc(64, 0x41)));
      socket.on('data', (bytes) => (answer += bytes.length));
      socket.on('error', (error) => {
        // It closed before everything was written.
        const { code } = error as NodeJS.ErrnoException;
        resolve(code === 'EPIPE' || code === 'ECONNRESET' ? 'closed without an answer' : String(error));
      });
      socket.on('close', () => {
        resolve(answer === 0 ? 'closed without an answer' : `${answer} bytes`);
      });
    });
  }

  /** Starts a program that outlives this process, and returns its process id. */
  async spawnSleeper(): Promise<number> {
    const sleeper = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
    await once(sleeper, 'spawn');
    sleeper.unref();
    return sleeper.pid!;
  }

  /** The id of the process that this runs in. */
  async processId(): Promise<number> {
    return process.pid;
  }
}
