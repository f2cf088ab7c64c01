import type { NetworkError } from '@entropynet/core';
import type { Msg } from '@nats-io/nats-core';

/** Takes the messages of one subject. */
export type MessageTaker = (message: Msg) => void;

/** A user of a NATS connection: a link, a handshake or a listening server. */
export interface SessionMember {
  /**
   * The NATS connection broke: no message arrives or leaves any more. A member that stays hears of an interruption and
   * then of the end.
   */
  onBroken(error: NetworkError): void;
  /** The NATS server does not permit a subject of one of the members. */
  onForbidden?(subject: string, error: NetworkError): void;
  /** There is room again after `hasRoom` was false. */
  onWritable?(): void;
}
