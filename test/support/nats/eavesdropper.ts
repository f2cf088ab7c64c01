import { connect, type Msg, type NatsConnection as Participant } from '@nats-io/transport-node';
import type { NatsScope } from './describe-nats.js';
import type { NatsServer } from './nats-server.js';

/** The secret of both sides. */
export const SECRET = 'the secret of both sides';

/** A participant that receives everything, and all messages that it has received. */
export async function eavesdropper(
  scope: NatsScope,
  nats: NatsServer,
): Promise<{ participant: Participant; heard: Msg[] }> {
  const participant = await connect({ servers: nats.host });
  scope.defer(() => participant.close());
  const heard: Msg[] = [];
  participant.subscribe('>', { callback: (_error, message) => void heard.push(message) });
  await participant.flush();
  return { participant, heard };
}

/** Returns a copy of data with another last byte. */
export function altered(data: Uint8Array): Uint8Array {
  const copy = new Uint8Array(data);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 0xff;
  return copy;
}
