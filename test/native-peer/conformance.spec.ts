import { describeConformance } from '../support/conformance.js';
import { sharedMemoryFixture } from '../support/shared-memory-fixture.js';
import { C, PYTHON } from './support/languages.js';
import { buildNative, type NativeBuild } from './support/native-library.js';

/** With these sanitizers a finding in the library fails the test. Python can't load a library that has some. */
const SUITES = [
  { language: C, sanitizers: 'address,undefined' },
  { language: PYTHON, sanitizers: '' },
];

for (const { language, sanitizers } of SUITES) {
  let build: NativeBuild | undefined;
  const inNode = sharedMemoryFixture();
  await describeConformance(`Node.js and a peer in ${language.title}`, {
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
  });
}
