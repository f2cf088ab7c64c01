import type { PeerModule } from '@entropynet/conformance/tools';
import type { ConnectionConfig } from '@entropynet/core';

/** How far the program goes before it ends. */
export const LIFE_STAGES = ['created', 'listening', 'connecting', 'connected', 'flooding', 'disconnecting'] as const;
export type LifeStage = (typeof LIFE_STAGES)[number];

/** How it ends. */
export const ENDINGS = ['process.exit', 'uncaught exception', 'unhandled rejection', 'worker.terminate'] as const;
export type Ending = (typeof ENDINGS)[number];

/** A life that nobody cuts short: what is open decides when the process ends. */
export const QUIET_LIVES = ["unref'd connection", "unref'd server", "ref'd connection", 'closed'] as const;
export type QuietLife = (typeof QUIET_LIVES)[number];

export interface ExitTask {
  readonly module: PeerModule;
  readonly config: ConnectionConfig;
  readonly life:
    | { readonly stage: LifeStage; readonly ending: Ending }
    /** `address`: of a server in another process, where there is one. */
    | { readonly quiet: QuietLife; readonly address?: string };
}

/** The exit code of `process.exit` and of a main thread whose worker was terminated. */
export const CHOSEN_EXIT_CODE = 7;
/** The exit code of a process that something kept alive. */
export const STILL_ALIVE_EXIT_CODE = 3;
