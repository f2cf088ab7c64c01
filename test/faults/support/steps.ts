/** A step, and its effect: the system kills or stops the process, or the function of the step returns. */
export interface Step {
  /** The label in the source: `// STEP(name)`. */
  readonly name: string;
  /** The occurrence of the step after the call of `armStep`. @default 1 */
  readonly at?: number;
  readonly does: 'kill' | 'stop' | 'skip';
}

let armed: Step | undefined;
let reached = 0;

/** Defines the function that a transport with steps calls. */
export function defineSteps(): void {
  (globalThis as { entropynetStep?: (name: string) => boolean }).entropynetStep = (name) => {
    if (armed?.name !== name) return false;
    reached += 1;
    if (reached !== (armed.at ?? 1)) return false;
    if (armed.does === 'skip') return true;
    // The system delivers a signal to oneself before the call returns.
    process.kill(process.pid, armed.does === 'kill' ? 'SIGKILL' : 'SIGSTOP');
    return false;
  };
}

/** From now on, the process does that at the step. */
export function armStep(step: Step): void {
  armed = step;
  reached = 0;
}
