import type { Result } from '../result/result.js';

/** The place of one client at a server. */
export interface Admission {
  /**
   * Gives the place back: no connection came of it, because the client went, its handshake failed, or the server was closed
   * before anybody accepted. Called at most once, and never for a connection that `accept()` gave.
   */
  release(): void;
}

/** Whether a server has a place for one more client: the place, or a failure whose message says why not. Must not wait. */
export type Admit = () => Result<Admission>;
