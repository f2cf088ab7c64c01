import { type ConformanceOptions, describeTransport, type TransportFixture } from '@entropynet/conformance';
import { IS_WHOLE_MATRIX } from './matrix.js';

/**
 * The conformance suite of one transport, as large as this run wants it.
 * @param part the part of it, unless this run has the whole
 */
export async function describeConformance(
  name: string,
  fixture: TransportFixture,
  part: ConformanceOptions['matrix'] = 'spread',
): Promise<void> {
  await describeTransport(name, fixture, { matrix: IS_WHOLE_MATRIX ? 'whole' : part });
}

/** The same for other settings of a transport whose own suite is in `test/conformance`: a sample of each chapter. */
export async function describeVariant(name: string, fixture: TransportFixture): Promise<void> {
  await describeConformance(name, fixture, 'sample');
}
