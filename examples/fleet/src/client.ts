import { setTimeout as pause } from 'node:timers/promises';
import { type ConnectionConfig, redactEndpoint, unwrap } from '@entropynet/core';
import type { ConnectionHandle, ConnectionManager } from '@entropynet/manager';

const INTERVAL_MS = 1000;

/** Sends `count` messages, one a second, and shows the answers and the way they took. */
export async function ask(
  manager: ConnectionManager,
  config: ConnectionConfig,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const service = unwrap(manager.openConnection(config));
  service.on('reconnecting', ({ reason }) => process.stdout.write(`the connection ended: ${reason.message}\n`));
  service.on('reconnected', () => {
    tellWay(service);
  });
  unwrap(await service.connect({ signal }));
  tellWay(service);
  let answers = 0;
  const answered = new Promise<void>((resolve) => {
    service.setMessageCallback((message) => {
      process.stdout.write(`${Buffer.from(message).toString()}\n`);
      answers += 1;
      if (answers >= count) resolve();
    });
  });
  for (let number = 1; number <= count && !signal.aborted; number += 1) {
    const sent = await service.send(Buffer.from(`message ${number}`));
    // While the handle connects again, nothing is sent: the program decides what to do with the message.
    if (!sent.ok) process.stdout.write(`message ${number} was not sent: ${sent.error.message}\n`);
    if (!sent.ok) number -= 1;
    if (number < count) await pause(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
  await Promise.race([answered, service.closed, aborted(signal)]);
  await service.close();
}

/** Says which way was taken, and why the ones before it were not. */
function tellWay(service: ConnectionHandle): void {
  const { backend, endpoint, passedOver } = service.getSelection() ?? { backend: '', endpoint: '', passedOver: [] };
  for (const { backend: other, reason } of passedOver) process.stdout.write(`${other} was passed over: ${reason}\n`);
  process.stdout.write(`connected to ${redactEndpoint(endpoint)} over ${backend}\n`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
