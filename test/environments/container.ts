import { ConnectionManager, createNetworking } from 'entropynet';
import { Container } from 'inversify';

/** Throws unless the container of a manager is one of the inversify that this program imports. */
export async function checkContainer(): Promise<void> {
  const networking = await createNetworking();
  const child = new Container({ parent: networking.container });
  const isSame = networking.container instanceof Container && child.get(ConnectionManager) === networking.manager;
  await networking.close();
  if (!isSame) throw new Error('the container is of another copy of inversify');
}
