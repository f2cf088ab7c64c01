import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { PeerActions } from '@entropynet/conformance/tools';
import { armStep, type Step } from './steps.js';

/** A peer that fails in more ways on request. */
export class FaultPeerActions extends PeerActions {
  /** Sets the effect of a step, in a peer that was started with `hasSteps`. */
  async armStep(step: Step): Promise<void> {
    armStep(step);
  }

  /** Connects to a local socket without the transport, sends an invalid request, and returns the answer. */
  async rawConnect(path: string): Promise<string> {
    return new Promise((resolve) => {
      let answer = 0;
      const socket = createConnection(path, () => socket.write(Buffer.alloc(64, 0x41)));
      socket.on('data', (bytes) => (answer += bytes.length));
      socket.on('error', (error) => {
        // The server closed before this side had written everything.
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

  /** Returns the id of this process. */
  async processId(): Promise<number> {
    return process.pid;
  }
}
