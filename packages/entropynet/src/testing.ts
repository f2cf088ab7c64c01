/**
 * What authors of transports test with.
 *
 * @packageDocumentation
 */
export * from '@entropynet/core/testing';
