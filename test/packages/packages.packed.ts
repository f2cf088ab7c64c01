import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { manifests, succeeded, Workbench } from './workbench.js';
import { leaveOut } from '../support/leave-out.js';

const KIBIBYTE = 1024;

/** The oldest system on which the prebuilt addon loads: that on which the oldest Node.js we serve runs. */
const OLDEST = { GLIBC: [2, 28], GLIBCXX: [3, 4, 21] };

/**
 * Problems for `require` of ES modules and for the resolution of Node.js 10. Every supported Node.js, from 20.19 on,
 * has newer ones.
 */
const EXPECTED_PROBLEMS = new Set(['CJSResolvesToESM']);
const SERVED_RESOLUTIONS = new Set(['node16-cjs', 'node16-esm', 'bundler']);

/** A page is one program, for browsers; its sources are in the repository. */
const MODULE = /^dist\/(?!page\/).*\.js$/;

/** A line with a comment alone, but for the labels of tests, or one of several lines. Annotations for bundlers stand before code. */
const COMMENT = /^\s*\/\/(?!# sourceMappingURL=| STEP\()|^\s*\/?\*/m;

/** A class, a function or a method, and its name. */
const DECLARATION =
  /^(?:export )?(?:async )?(?:class|function\*?) (?<top>[\w$]+)|^ {2}(?:(?:static|async|get|set) )*(?<method>#?\w+)\(.*\) \{$/d;

describe('the packages, packed', function () {
  this.timeout(300_000);

  const workbench = new Workbench();

  before(() => workbench.packAll());

  after(() => {
    workbench.dispose();
  });

  for (const { name } of manifests) {
    describe(name, () => {
      it('passes publint', async () => {
        const data = readFileSync(workbench.packed(name).tarball);
        const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
        const { messages, pkg } = await publint({ pack: { tarball }, level: 'warning', strict: true });
        // Entry points under this condition are for the tests of this repository, and some of their files are not packed.
        const own = messages.filter(
          ({ args, ...rest }) => !JSON.stringify([args, rest]).includes('entropynet-internal'),
        );
        expect(own.map((message) => formatMessage(message, pkg))).to.be.empty;
      });

      it('has types that match its exports', async () => {
        const { manifest, tarball } = workbench.packed(name);
        // A program that is not a library has nothing to import.
        if (manifest.exports['.'] === undefined && manifest.bin !== undefined) return;
        const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
        if (result.types === false) throw new Error('there are no types');
        const problems = result.problems.filter(
          (problem) =>
            !EXPECTED_PROBLEMS.has(problem.kind) &&
            (!('resolutionKind' in problem) || SERVED_RESOLUTIONS.has(problem.resolutionKind)),
        );
        expect(problems).to.be.empty;
      });

      it('holds its documentation and its licence, and runs nothing when it is installed', () => {
        const { files, manifest } = workbench.packed(name);
        expect(files).to.include.members(['README.md', 'LICENSE', 'package.json']);
        expect(manifest.scripts ?? {}).to.not.have.any.keys('preinstall', 'install', 'postinstall', 'prepare');
        // No files of builds and tests.
        expect(files.filter((file) => /tsbuildinfo|\.spec\.|(^|\/)tests?\//.test(file))).to.be.empty;
      });

      it('has a source map for each module, and its sources', () => {
        const { files, folder } = workbench.packed(name);
        // A page is one program, for browsers; its sources are in the repository.
        const modules = files.filter((file) => /^dist\/(?!page\/).*\.(?:js|d\.ts)$/.test(file));
        expect(modules).to.not.be.empty;
        for (const module of modules) {
          const map = JSON.parse(readFileSync(join(folder, `${module}.map`), 'utf8')) as { sources: string[] };
          for (const source of map.sources) {
            expect(files, module).to.include(join(module, '..', source));
          }
        }
      });

      it('has modules that take little memory: without comments, in one byte a character', () => {
        const { files, folder } = workbench.packed(name);
        for (const module of files.filter((file) => MODULE.test(file))) {
          const text = readFileSync(join(folder, module), 'utf8');
          expect(COMMENT.exec(text)?.[0], module).to.equal(undefined);
          expect(Buffer.from(text, 'latin1').toString('latin1') === text, module).to.equal(true);
        }
      });

      it('has source maps that lead to the line of each declaration', () => {
        const { files, folder } = workbench.packed(name);
        const modules = files.filter((file) => MODULE.test(file));
        const declarations = modules.flatMap((module) => wrongDeclarations(join(folder, module)));
        expect(declarations).to.deep.equal([]);
      });

      it('stays within its budget', () => {
        const { manifest, packedBytes } = workbench.packed(name);
        // The budget is a little more than the present size. Raising it is a decision, not a habit.
        const { maxPackedKiB = 0 } = manifest.config ?? {};
        expect(packedBytes / KIBIBYTE).to.be.at.most(maxPackedKiB);
      });
    });
  }

  it('hold the licences of bundled libraries', () => {
    const { folder } = workbench.packed('@entropynet/inspector');
    const licenses = readFileSync(join(folder, 'dist', 'page', 'licenses.md'), 'utf8');
    for (const name of ['uplot', 'lit-html', 'valibot']) expect(licenses).to.contain(name);
    for (const name of ['core', 'transport-nats', 'transport-shm', 'transport-ws']) {
      const licence = join(workbench.packed(`@entropynet/${name}`).folder, 'dist', 'valibot.license.md');
      expect(readFileSync(licence, 'utf8'), name).to.contain('MIT License');
    }
  });

  it('contain an addon that old systems load', async function () {
    if (process.platform !== 'linux') leaveOut(this, 'the addon that is built here is not for Linux');
    const { files, folder } = workbench.packed('@entropynet/transport-shm');
    const addon = files.find((file) => file.endsWith('.node'));
    expect(addon).to.match(/^prebuilds\/linux-[a-z0-9]+\/.*\.(?:glibc|musl)\.node$/);
    const { stdout } = succeeded(await workbench.run('objdump', ['-T', join(folder, addon ?? '')]));
    const needed = [...stdout.matchAll(/\((GLIBC|GLIBCXX)_([\d.]+)\)/g)];
    expect(needed).to.not.be.empty;
    for (const [, library, version = ''] of needed) {
      const oldest = OLDEST[library as keyof typeof OLDEST];
      expect(isAtMost(version.split('.').map(Number), oldest), `${String(library)} ${version}`).to.equal(true);
    }
  });
});

/** The declarations of a module whose source map leads to a line that does not have their name. */
function wrongDeclarations(module: string): string[] {
  const map = new SourceMap(JSON.parse(readFileSync(`${module}.map`, 'utf8')) as SourceMapPayload);
  const sources = new Map<string, string[]>();
  return linesOf(module).flatMap((line, number) => {
    const found = DECLARATION.exec(line);
    const declared = found?.groups?.['top'] ?? found?.groups?.['method'];
    if (declared === undefined) return [];
    const [column] = found?.indices?.groups?.['top'] ?? found?.indices?.groups?.['method'] ?? [0];
    const entry = map.findEntry(number, column);
    const place = `${module}:${String(number + 1)} ${declared}`;
    if (!('originalSource' in entry)) return [`${place} has no source`];
    const source = sources.get(entry.originalSource) ?? linesOf(join(module, '..', entry.originalSource));
    sources.set(entry.originalSource, source);
    const original = source[entry.originalLine] ?? '';
    // Where modules are joined, a second function of a name gets a number.
    const written = module.endsWith('.joined.js') ? declared.replace(/\$\d+$/, '') : declared;
    return original.includes(written) ? [] : [`${place} → ${original}`];
  });
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n');
}

function isAtMost(version: readonly number[], limit: readonly number[]): boolean {
  for (const [index, part] of limit.entries()) {
    const own = version[index] ?? 0;
    if (own !== part) return own < part;
  }
  return version.length <= limit.length;
}
