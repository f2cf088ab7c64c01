import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { unwrittenBytes } from '@entropynet/core/internal/platform/long-memory';

const MIB = 1024 * 1024;

/** Which C library this process uses, and on which system. */
const isGlibc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime;

/** Prints by how many MiB the heap of the C library grows with 16 blocks of 1 MiB, once a long message has come. */
const HEAP_GROWTH = `
  import { readFileSync } from 'node:fs';
  import { unwrittenBytes } from '@entropynet/core/internal/platform/long-memory';
  const heapBytes = () => {
    const line = readFileSync('/proc/self/maps', 'utf8').split('\\n').find((each) => each.endsWith('[heap]'));
    const [from, to] = line.split(' ')[0].split('-').map((address) => Number.parseInt(address, 16));
    return to - from;
  };
  unwrittenBytes(65536);
  // A port closes, and frees what waits in it, in one of the next turns.
  for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate);
  const before = heapBytes();
  const blocks = Array.from({ length: 16 }, () => unwrittenBytes(${MIB}));
  console.log(blocks.length, (heapBytes() - before) / ${MIB});
`;

describe('memory for long messages', () => {
  it('is plain, exactly as long as asked, and not shared', () => {
    for (const length of [0, 1, 16_383, 16_384, MIB]) {
      const bytes = unwrittenBytes(length);
      expect(bytes.constructor).to.equal(Uint8Array);
      expect([bytes.length, bytes.byteOffset, bytes.buffer.byteLength]).to.deep.equal([length, 0, length]);
    }
  });

  (isGlibc === undefined ? it.skip : it)('stays with the process when it is freed (needs glibc)', () => {
    // Blocks of the heap are kept, blocks that are mapped one by one go back to the kernel each time.
    const parameters = ['--conditions=entropynet-internal', '--input-type=module', '--eval', HEAP_GROWTH];
    const printed = execFileSync(process.execPath, parameters, { encoding: 'utf8', cwd: import.meta.dirname });
    expect(printed.trim()).to.match(/^16 1[6-9]/);
  });

  it("is available even if the system can't allocate the block", () => {
    const script = `
      globalThis.ArrayBuffer = class { constructor() { throw new RangeError('Array buffer allocation failed'); } };
      const { unwrittenBytes } = await import('@entropynet/core/internal/platform/long-memory');
      console.log(unwrittenBytes(65536).length);
    `;
    const parameters = ['--conditions=entropynet-internal', '--input-type=module', '--eval', script];
    expect(execFileSync(process.execPath, parameters, { encoding: 'utf8', cwd: import.meta.dirname })).to.equal(
      '65536\n',
    );
  });
});
