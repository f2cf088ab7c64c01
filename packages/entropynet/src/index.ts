/**
 * The parts of EntropyNet that most programs need: the core, the manager and the two built-in transports.
 *
 * @packageDocumentation
 */
export * from '@entropynet/core';
export * from '@entropynet/manager';
export * from '@entropynet/transport-shm';
export * from '@entropynet/transport-ws';
// By name, so that they stand for those of the manager.
export { createNetworking, type NetworkingOptions } from './create-networking.js';
