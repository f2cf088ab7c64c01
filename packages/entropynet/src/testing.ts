/**
 * The loopback transport, for tests of programs and as the reference for authors of transports.
 *
 * @packageDocumentation
 */
export * from '@entropynet/core/testing';
