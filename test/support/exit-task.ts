import type { PeerModule } from '@entropynet/conformance/tools';
import type { ConnectionConfig } from '@entropynet/core';

/** The last stage of the program before its end. */
export const LIFE_STAGES = ['created', 'listening', 'connecting', 'connected', 'flooding', 'disconnecting'] as const;
export type LifeStage = (typeof LIFE_STAGES)[number];

/** The way in which it ends. */
export const ENDINGS = ['process.exit', 'uncaught exception', 'unhandled rejection', 'worker.terminate'] as const;
export type Ending = (typeof ENDINGS)[number];

/** A life without a forced end: open resources decide when the process ends. */
export const QUIET_LIVES = ["unref'd connection", "unref'd server", "ref'd connection", 'closed'] as const;
export type QuietLife = (typeof QUIET_LIVES)[number];

export interface ExitTask {
  readonly module: PeerModule;
  readonly config: ConnectionConfig;
  readonly life:
    | { readonly stage: LifeStage; readonly ending: Ending }
    /** `address`: the address of a server in another process, if there is one. */
    | { readonly quiet: QuietLife; readonly address?: string };
}

/** The exit code of `process.exit` and of a main thread whose worker was terminated. */
export const CHOSEN_EXIT_CODE = 7;
/** The exit code of a process that something kept alive. */
export const STILL_ALIVE_EXIT_CODE = 3;
