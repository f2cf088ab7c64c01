import { ContainerModule } from 'inversify';
import { CONNECTION_MANAGER_OPTIONS, ConnectionManager, type ConnectionManagerOptions } from './connection-manager.js';

/** Registers the manager itself, as a singleton, with its options. */
export function connectionManagerModule(options: ConnectionManagerOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(CONNECTION_MANAGER_OPTIONS).toConstantValue(options);
    bind(ConnectionManager).toSelf().inSingletonScope();
  });
}
