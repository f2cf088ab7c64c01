/** What happens at a step: the process is killed or stopped there, or what follows the step in its function is left out. */
export interface Step {
  /** The label in the source: `// STEP(name)`. */
  readonly name: string;
  /** At which time the step is reached, counted from when it was armed. @default 1 */
  readonly at?: number;
  readonly does: 'kill' | 'stop' | 'skip';
}

let armed: Step | undefined;
let reached = 0;

/** Sets what the labels call. */
export function armSteps(): void {
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

/** From here on the process does that when it comes to the step. */
export function armStep(step: Step): void {
  armed = step;
  reached = 0;
}
