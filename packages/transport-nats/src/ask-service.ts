import { err, type NetworkError, ok, type Result } from '@entropynet/core';
import { startTimer, stopTimer } from '@entropynet/core/platform';
import { hexOf, randomBytes } from './bytes.js';
import { bodyOf, encodeHandshake, handshakeKindOf, ID_BYTES } from './handshake-messages.js';
import { Kind } from './nats-protocol.js';
import type { NatsSession } from './nats-session.js';

/** Who serves a service. */
export interface ServicePresence {
  /** Whether a server answers for the service. */
  readonly isThere: boolean;
  /** Of the server that answered; undefined where it has none. */
  readonly queueGroup: string | undefined;
}

/** How often a question is asked again, in milliseconds: a server that just died may still be subscribed. */
const AGAIN_MS = 250;

/** Asks the servers of a service whether they are there; the NATS server answers where nobody is. */
export function askService(
  session: NatsSession,
  service: string,
  inboxPrefix: string,
  limitMs: number,
): Promise<Result<ServicePresence>> {
  const inbox = `${inboxPrefix}.${hexOf(randomBytes(ID_BYTES))}`;
  return new Promise((resolve) => {
    const settle = (result: Result<ServicePresence>): void => {
      stopTimer(limit);
      stopTimer(again);
      session.remove(member);
      unsubscribe();
      resolve(result);
    };
    const member = {
      onBroken: (error: NetworkError): void => {
        settle({ ok: false, error });
      },
      onForbidden: (subject: string, error: NetworkError): void => {
        if (subject === service || subject === inbox) settle({ ok: false, error });
      },
    };
    const unsubscribe = session.subscribe(inbox, ({ data, headers }) => {
      if (data.length === 0 && headers?.code === 503) settle(ok({ isThere: false, queueGroup: undefined }));
      else if (handshakeKindOf(data) === Kind.Presence) {
        const group = new TextDecoder().decode(bodyOf(data));
        settle(ok({ isThere: true, queueGroup: group === '' ? undefined : group }));
      }
    });
    const limit = startTimer(() => {
      settle(err('Timeout', `a server of ${service} is subscribed and does not answer within ${limitMs} ms`));
    }, limitMs);
    let again = startTimer(() => undefined, 0);
    const ask = (): void => {
      session.publish(service, encodeHandshake(Kind.Inquiry), inbox);
      again = startTimer(ask, AGAIN_MS);
    };
    session.add(member);
    ask();
  });
}
