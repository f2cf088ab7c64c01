import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PeerHost } from '@entropynet/conformance/tools';
import { findProgram } from '../../support/find-program.js';
import { startLanguagePeer } from './language-peer.js';
import { missingForNative, type NativeBuild } from './native-library.js';

const PACKAGE = fileURLToPath(new URL('../../../../native/python', import.meta.url));

/** A language in which a peer of the conformance suite is written. */
export interface Language {
  readonly title: string;
  /** The targets that CMake builds for it. */
  readonly target: string;
  /** The reason why it can't run here; undefined if it can. */
  missing(): string | undefined;
  start(build: NativeBuild): Promise<PeerHost>;
}

/** A program in C over the library. */
export const C: Language = {
  title: 'C',
  target: 'conformance',
  missing: missingForNative,
  start: (build) => startLanguagePeer({ command: build.program('conformance') }),
};

/** A program in Python over the package, which loads the library. */
export const PYTHON: Language = {
  title: 'Python',
  target: 'entropynet-shared',
  missing: () => {
    if (findProgram('python3') === undefined) return 'python3, which is not installed here (apt-get install python3)';
    return missingForNative();
  },
  start: (build) =>
    startLanguagePeer({
      command: 'python3',
      words: ['-m', 'tests.conformance_peer'],
      folder: PACKAGE,
      environment: { ENTROPYNET_LIBRARY: join(build.folder, 'libentropynet.so.0'), PYTHONDONTWRITEBYTECODE: '1' },
    }),
};
