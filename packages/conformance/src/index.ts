/**
 * The contract of EntropyNet's transports as tests. The author of a transport describes it with a `TransportFixture`,
 * and `describeTransport` makes tests for mocha from it.
 *
 * @packageDocumentation
 */
export { describeTransport, type ConformanceOptions } from './describe-transport.js';
export type { Placement } from './peer/peer-host.js';
export type { TransportFixture } from './transport-fixture.js';
