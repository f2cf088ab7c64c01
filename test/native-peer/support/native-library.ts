import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../support/find-program.js';

const SOURCES = fileURLToPath(new URL('../../../../native', import.meta.url));

/** The folder of test programs that were built before, for a system on which this process can compile nothing. */
const BUILT = process.env['ENTROPYNET_NATIVE_BUILD'];

/** A build of the C library and of its test programs, in a separate folder. */
export interface NativeBuild {
  readonly folder: string;
  /** The path of the shared library. */
  readonly library: string;
  /** The path of a test program. */
  program(name: string): string;
  dispose(): void;
}

/** The reason why the library can't be built here; undefined if it can. */
export function missingForNative(): string | undefined {
  if (BUILT !== undefined) return undefined;
  if (process.platform !== 'linux') return 'the C library, which runs on Linux';
  const compiler = ['cc', 'gcc', 'clang'].some((name) => findProgram(name) !== undefined);
  if (findProgram('cmake') !== undefined && compiler) return undefined;
  return 'the C library, because cmake or a C compiler is not installed here (apt-get install cmake gcc)';
}

function builtBefore(folder: string): NativeBuild {
  return {
    folder,
    library: join(folder, 'entropynet.dll'),
    program: (name) => join(folder, `${name}.exe`),
    dispose: () => undefined,
  };
}

/**
 * Builds the library with warnings as errors and with these sanitizers, such as `address,undefined`. Programs that were
 * built before have none.
 * @param targets the targets of CMake.
 * @default all targets
 */
export function buildNative(sanitizers: string, targets: readonly string[] = ['all']): NativeBuild {
  if (BUILT !== undefined) return builtBefore(BUILT);
  const folder = mkdtempSync(join(tmpdir(), 'entropynet-native-'));
  const options = ['-DENTROPYNET_WERROR=ON', '-DENTROPYNET_TESTS=ON', `-DENTROPYNET_SANITIZE=${sanitizers}`];
  const dispose = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    execFileSync('cmake', ['-S', SOURCES, '-B', folder, '-DCMAKE_BUILD_TYPE=Debug', ...options], { stdio: 'pipe' });
    execFileSync('cmake', ['--build', folder, '--parallel', '2', '--target', ...targets], { stdio: 'pipe' });
  } catch (error) {
    dispose();
    throw error;
  }
  return { folder, library: join(folder, 'libentropynet.so'), program: (name) => join(folder, 'test', name), dispose };
}
