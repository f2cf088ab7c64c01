import { expect } from 'chai';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { leaveOut } from '../support/leave-out.js';

const ROOT = resolve(import.meta.dirname, '../../..');

/** `scripts/cross-targets.mjs`. */
interface CrossTargets {
  checkElf(addon: string, library: string): void;
  checkImport(name: string, binding: string, library: string): void;
}

const { checkElf, checkImport } = (await import(
  pathToFileURL(join(ROOT, 'scripts', 'cross-targets.mjs')).href
)) as CrossTargets;

describe('the requirements of an addon for Linux', () => {
  const allowed = [
    ['napi_create_object', 'GLOBAL', 'glibc'],
    ['node_api_get_module_file_name', 'GLOBAL', 'musl'],
    ['memcpy@GLIBC_2.14', 'GLOBAL', 'glibc'],
    ['memfd_create@GLIBC_2.27', 'GLOBAL', 'glibc'],
    ['fcntl64@GLIBC_2.28', 'GLOBAL', 'glibc'],
    ['memcpy', 'GLOBAL', 'musl'],
    ['uv_poll_init', 'WEAK', 'glibc'],
  ] as const;
  for (const [name, binding, library] of allowed) {
    it(`is ${name}, ${binding}, with ${library}`, () => {
      checkImport(name, binding, library);
    });
  }

  const refused = [
    ['fstat@GLIBC_2.33', 'GLOBAL', 'glibc', 'glibc 2.28 has no such function'],
    ['arc4random@GLIBC_2.36', 'WEAK', 'glibc', 'glibc 2.28 has no such function'],
    ['uv_poll_init', 'GLOBAL', 'glibc', 'no function of Node-API'],
    ['uv_poll_init', 'GLOBAL', 'musl', 'no function of Node-API'],
    ['_ZN2v87Isolate10GetCurrentEv', 'GLOBAL', 'glibc', 'no function of Node-API'],
    ['_ZN2v87Isolate10GetCurrentEv', 'GLOBAL', 'musl', 'no function of Node-API'],
    ['_ZSt17__throw_bad_allocv@GLIBCXX_3.4', 'GLOBAL', 'glibc', 'no function of Node-API'],
  ] as const;
  for (const [name, binding, library, why] of refused) {
    it(`is not ${name}, ${binding}, with ${library}`, () => {
      expect(() => {
        checkImport(name, binding, library);
      })
        .to.throw(name)
        .with.property('message')
        .that.contains(why);
    });
  }

  it('is not a C++ library, which Node.js itself needs', function () {
    this.timeout(60_000);
    if (process.platform !== 'linux') leaveOut(this, 'the check reads files of Linux');
    expect(() => {
      checkElf(process.execPath, 'glibc');
    }).to.throw(/libstdc\+\+.*, which a system may not have/);
  });

  it('is not asked of a file for another system', function () {
    if (process.platform !== 'linux') leaveOut(this, 'the check reads files of Linux');
    expect(() => {
      checkElf(import.meta.filename, 'glibc');
    }).to.throw('no file for Linux');
  });
});
