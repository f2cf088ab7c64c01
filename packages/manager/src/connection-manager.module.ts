import { type Transport, TRANSPORT, type TransportModule } from '@entropynet/core';
import type { ContainerModuleLoadOptions } from 'inversify';
import { ConnectionManager } from './connection-manager.js';
import { CONNECTION_MANAGER_OPTIONS, type ConnectionManagerOptions } from './connection-manager-options.js';

/** Returns a module that registers the manager as a singleton, with all bound transports and these options. */
export function connectionManagerModule(options: ConnectionManagerOptions): ManagerModule {
  return {
    id: Symbol('@entropynet/manager'),
    load: ({ bind }) => {
      bind(CONNECTION_MANAGER_OPTIONS).toConstantValue(options);
      bind(ConnectionManager)
        .toDynamicValue((context) => {
          const transports = context.getAll<Transport>(TRANSPORT, { optional: true });
          return new ConnectionManager(transports, options);
        })
        .inSingletonScope();
    },
  };
}

/** A module with the shape that inversify expects. */
export interface ManagerModule extends Pick<TransportModule, 'id'> {
  /** Binds the manager and its options. */
  load(options: Pick<ContainerModuleLoadOptions, 'bind'>): void;
}
