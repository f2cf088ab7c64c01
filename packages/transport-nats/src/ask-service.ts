import { err, type NetworkError, ok, type Result } from '@entropynet/core';
import { startLimit, startTimer, stopTimer } from '@entropynet/core/platform';
import type { Msg } from '@nats-io/nats-core';
import { hexOf, randomBytes } from './bytes.js';
import { bodyOf, encodeHandshake, handshakeKindOf, ID_BYTES } from './handshake-messages.js';
import { unpublishedError } from './nats-errors.js';
import { Kind } from './nats-protocol.js';
import type { NatsSession } from './nats-session.js';

/** The state of a service. */
export interface ServicePresence {
  /** Whether a server answers for the service. */
  readonly isThere: boolean;
  /** The queue group of the server that answered. Undefined if it has none. */
  readonly queueGroup: string | undefined;
}

/** The time between two questions, in milliseconds. A dead server may still be subscribed for a while. */
const AGAIN_MS = 250;

/**
 * Asks whether a server of a service runs. If none is subscribed, the NATS server answers. `TransportUnavailable`: the
 * NATS connection is interrupted or has ended. `Timeout`: a server is subscribed and does not answer. `Aborted`: the
 * signal ended the wait.
 */
export function askService(
  session: NatsSession,
  service: string,
  inboxPrefix: string,
  limitMs: number,
  signal?: AbortSignal,
): Promise<Result<ServicePresence>> {
  const inbox = `${inboxPrefix}.${hexOf(randomBytes(ID_BYTES))}`;
  return new Promise((resolve) => {
    let unsubscribe = (): void => undefined;
    const settle = (result: Result<ServicePresence>): void => {
      stopLimit();
      stopTimer(again);
      signal?.removeEventListener('abort', onAbort);
      session.remove(member);
      unsubscribe();
      resolve(result);
    };
    const onAbort = (): void => {
      settle(err('Aborted', `nobody waits for the answer of ${service} any more`, signal?.reason));
    };
    const member = {
      onBroken: (error: NetworkError): void => {
        settle({ ok: false, error });
      },
      onForbidden: (subject: string, error: NetworkError): void => {
        if (subject === service || subject === inbox) settle({ ok: false, error });
      },
    };
    const take = ({ data, headers }: Msg): void => {
      if (data.length === 0 && headers?.code === 503) settle(ok({ isThere: false, queueGroup: undefined }));
      else if (handshakeKindOf(data) === Kind.Presence) {
        const group = new TextDecoder().decode(bodyOf(data));
        settle(ok({ isThere: true, queueGroup: group === '' ? undefined : group }));
      }
    };
    const stopLimit = startLimit(() => {
      settle(
        err(
          'Timeout',
          `a server of ${service} is subscribed and does not answer within ${limitMs} ms (connectTimeoutMs)`,
        ),
      );
    }, limitMs);
    let again = startTimer(() => undefined, 0);
    const ask = (): void => {
      const error = session.publish(service, encodeHandshake(Kind.Inquiry), inbox);
      if (error === undefined) again = startTimer(ask, AGAIN_MS);
      else settle({ ok: false, error });
    };
    // The event of an earlier abort does not come again.
    if (signal?.aborted === true) {
      onAbort();
      return;
    }
    session.add(member);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      unsubscribe = session.subscribe(inbox, take);
      ask();
    } catch (error) {
      settle({ ok: false, error: unpublishedError(error, session.where) });
    }
  });
}
