import type { Result } from '../result/result.js';

/** A place at a server, reserved for one client. */
export interface Admission {
  /**
   * Frees the place. The server calls it if the client left, its handshake failed, or the server closed before the
   * program accepted the client. The server calls it at most once, and never for a connection that `accept()` returned.
   * If it throws or its promise rejects, a warning of the process follows.
   */
  release(): unknown;
}

/**
 * Reserves a place for one more client. Returns the place, or a failure whose message gives the reason. It must return
 * at once.
 */
export type Admit = () => Result<Admission>;
