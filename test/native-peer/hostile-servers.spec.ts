import { scoped } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { grant, type Grant, IDENTITY, serveHostilely } from '../faults/support/hostile.js';
import { nativeBinding } from '../support/shared-memory/shared-memory-support.js';
import { describeNative } from './support/native-site.js';

/** Writes a word of line 0 of the region. */
const withWord = (offset: number, value: number): Grant => ({
  change: (bytes) => {
    new DataView(bytes.buffer).setUint32(offset, value, true);
  },
});

const OTHER_IDENTITY = IDENTITY.map((byte) => byte + 1);

/** What a server grants, and the error of the client. */
const GRANTS: readonly (readonly [what: string, granted: Grant, code: string])[] = [
  ['no region', { descriptor: null }, 'HandshakeFailed'],
  ['a region that is larger than announced', { byteLength: 131_072, announced: 65_536 }, 'SharedMemorySizeMismatch'],
  ['a region that is smaller than announced', { byteLength: 65_536, announced: 65_537 }, 'SharedMemorySizeMismatch'],
  ['a region announced with 4 GiB', { announced: 0xffff_ffff }, 'SharedMemorySizeMismatch'],
  ['a region without the magic', withWord(0, 7), 'SharedMemoryCorrupted'],
  ['a region of another layout', withWord(4, 2), 'IncompatibleVersion'],
  ['a region with another size in line 0', withWord(8, 65_544), 'SharedMemorySizeMismatch'],
  ['a region with another ring capacity in line 0', withWord(12, 8), 'SharedMemoryCorrupted'],
  ['the region of another client', { change: (bytes) => bytes.set(OTHER_IDENTITY, 16) }, 'SharedMemoryCorrupted'],
  [
    // Only the version says where another layout has its other fields.
    'a region of another layout with other fields',
    { change: (bytes) => new Uint32Array(bytes.buffer, 4, 7).fill(2) },
    'IncompatibleVersion',
  ],
  ...[128, 132, 136, 200, 204].map(
    (word) =>
      [`a region with the client's word at ${word} written`, withWord(word, 8), 'SharedMemoryCorrupted'] as const,
  ),
];

describeNative('a client in C refuses', (site) => {
  for (const [what, granted, code] of GRANTS) {
    it(
      `${what}, with ${code}`,
      scoped(async (scope) => {
        serveHostilely(scope, nativeBinding()!, site().directory, site().endpoint, (socket, binding) => {
          grant(socket, binding, granted);
        });
        const client = await site().start('connect', 'echo');
        const { lines, signal } = await client.ended;
        expect({ lines, signal }).to.deep.equal({ lines: [code], signal: null });
      }),
    );
  }
});
