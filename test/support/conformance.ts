import { describeTransport, type TransportFixture } from '@entropynet/conformance';

/** Whether every behaviour is tested in every placement, as in `.ci/full`, or in one. */
const IS_WHOLE = process.env['ENTROPYNET_MATRIX'] === 'whole';

/** The conformance suite of one transport, as large as this run wants it. */
export async function describeConformance(name: string, fixture: TransportFixture): Promise<void> {
  await describeTransport(name, fixture, { matrix: IS_WHOLE ? 'whole' : 'spread' });
}
