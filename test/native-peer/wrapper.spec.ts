import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { findProgram } from '../support/find-program.js';
import { describeNative } from './support/native-site.js';
import { leaveOut } from '../support/leave-out.js';

const hasCompiler = ['c++', 'g++', 'clang++'].some((name) => findProgram(name) !== undefined);

describeNative('the header for C++', (_site, build) => {
  it('passes its own tests with AddressSanitizer and UndefinedBehaviorSanitizer', function () {
    if (!hasCompiler) leaveOut(this, 'what needs a C++ compiler, which is not installed here (apt-get install g++)');
    const { status, stdout, stderr } = spawnSync(build().program('wrapper_test'), { encoding: 'utf8' });
    expect({ status, stderr, stdout }).to.deep.equal({
      status: 0,
      stderr: '',
      stdout: 'entropynet.hpp: all tests passed\n',
    });
  });
});
