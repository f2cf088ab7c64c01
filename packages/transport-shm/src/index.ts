/**
 * The shared-memory transport of EntropyNet. Importing it loads no native code: the first use loads it. If that fails,
 * `SharedMemoryTransport.probe` returns the reason.
 *
 * @packageDocumentation
 */
export { type FailedRemoval, type LeftoverOptions, type Leftovers, removeLeftovers } from './discovery/leftovers.js';
export {
  inspectSharedMemory,
  type InspectedServer,
  type InspectOptions,
  type SharedMemorySnapshot,
} from './inspection/inspect.js';
export type { InspectedProcess } from './inspection/processes.js';
export type { InspectedRegion, InspectedRing, InspectedWait, UnreadableRegion } from './inspection/regions.js';
export { setNativeBinding } from './native-binding.js';
export { SHARED_MEMORY_BACKEND, SharedMemoryConnection, type MappedRegion } from './shared-memory-connection.js';
export type { SharedMemoryConfig, SharedMemoryOptions } from './shared-memory-options.js';
export { SharedMemoryServer } from './shared-memory-server.js';
export { SharedMemoryTransport } from './shared-memory-transport.js';
export { sharedMemoryTransportModule } from './shared-memory-transport.module.js';
