import type { Selection } from '@entropynet/manager';
import type { SceneFaults } from './scene.js';

/** What travels on `CHANNEL_CONTROL`: a byte that says what it is, then the rest. */
export const Control = { Ping: 1, Report: 2 } as const;

/** The engine's last word to the editor, as JSON behind `Control.Report`. */
export interface EngineReport {
  /** How many updates were sent. */
  readonly updates: number;
  /** Bytes of the upload. */
  readonly bytes: number;
  /** Whether the upload is what was announced. */
  readonly sha256Match: boolean;
}

/** The outcome of one run, as the editor saw it. */
export interface RunResult {
  readonly transport: string;
  readonly selection: Selection;
  readonly messages: number;
  readonly faults: SceneFaults;
  readonly seconds: number;
  readonly bytes: number;
  readonly sha256Match: boolean;
  readonly controlLatencyUs: { readonly p50: number; readonly p99: number };
}

/** What the two processes tell the one that started them. */
export type ToMain =
  | { readonly kind: 'listening' }
  | { readonly kind: 'progress'; readonly sent: number; readonly total: number }
  | { readonly kind: 'result'; readonly result: RunResult }
  | { readonly kind: 'failed'; readonly reason: string };

/** Tells the process that started this one; alone, the process tells nobody. */
export function tellMain(message: ToMain): void {
  if (process.connected) process.send?.(message);
}
