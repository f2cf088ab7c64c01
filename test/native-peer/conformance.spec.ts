import type { TransportFixture } from '@entropynet/conformance';
import { describeConformance } from '../support/conformance.js';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { C, PYTHON } from './support/languages.js';
import { buildNative, type NativeBuild } from './support/native-library.js';

/**
 * With these sanitizers a finding in the library fails the test. Python can't load a library that has some. Its package
 * calls that library, which has every behaviour tested from C, so a sample of each chapter is enough unless a run has all.
 */
const SUITES = [
  { language: C, sanitizers: 'address,undefined', part: 'spread' },
  { language: PYTHON, sanitizers: '', part: 'sample' },
] as const;

for (const { language, sanitizers, part } of SUITES) {
  let build: NativeBuild | undefined;
  const inNode = sharedMemoryFixture();
  const fixture: TransportFixture = {
    ...inNode,
    unavailableReason: () => Promise.resolve(language.missing()),
    prepare: () => {
      build = buildNative(sanitizers, [language.target]);
      return Promise.resolve();
    },
    startPeer: () => language.start(build as NativeBuild),
    dispose: async () => {
      build?.dispose();
      await inNode.dispose?.();
    },
  };
  await describeConformance(`Node.js and a peer in ${language.title}`, fixture, part);
}
