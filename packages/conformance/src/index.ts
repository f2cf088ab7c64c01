/**
 * The contract of EntropyNet's transports as tests: the author of a transport describes it with a `TransportFixture`, and
 * `describeTransport` makes mocha's tests of it.
 *
 * @packageDocumentation
 */
export { describeTransport, type ConformanceOptions } from './describe-transport.js';
export type { Placement } from './peer/peer-host.js';
export type { TransportFixture } from './transport-fixture.js';
