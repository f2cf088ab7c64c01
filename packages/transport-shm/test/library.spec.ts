import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { unwrap } from '@entropynet/core';
import { SharedMemoryConnection, SharedMemoryServer } from '@entropynet/transport-shm';
import { OWN_LIBRARY, readLibrary } from '@entropynet/transport-shm/internal/region/control-block';
import { LIBRARY_BYTES, SERVER_LIBRARY_OFFSET } from '@entropynet/transport-shm/internal/region/layout';
import { SharedMemoryRegion } from '@entropynet/transport-shm/internal/region/shared-memory-region';
import { expect } from 'chai';
import { freshName } from '@entropynet/test/support/fresh-name';
import { itWithAddon, nativeBinding, Scene } from '@entropynet/test/support/shared-memory/shared-memory-support';

const textOf = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
const bytesOf = (text: string): Uint8Array => Buffer.from(text.padEnd(LIBRARY_BYTES, '\0'), 'latin1');

describe('the library of a side', () => {
  it('has the version of the package, in every language', () => {
    const { version } = JSON.parse(textOf('packages/transport-shm/package.json')) as { version: string };
    expect(OWN_LIBRARY).to.equal(`node ${version}`);
    expect(textOf('native/include/entropynet.h')).to.include(`#define EN_VERSION "${version}"`);
    expect(textOf('native/CMakeLists.txt')).to.include(`project(entropynet VERSION ${version} `);
    expect(textOf('native/python/entropynet/_library.py')).to.include(`VERSION = "${version}"`);
    expect(textOf('native/python/pyproject.toml')).to.include(`version = "${version}"`);
  });

  it('is at most 20 printable characters, whatever the peer writes', () => {
    const read = (text: string): string | undefined => readLibrary(bytesOf(text), 0);
    expect(read('c++ 0.1.0')).to.equal('c++ 0.1.0');
    expect(read('12345678901234567890')).to.equal('12345678901234567890');
    expect(readLibrary(Buffer.from('12345678901234567890behind it'), 0)).to.equal('12345678901234567890');
    for (const text of ['', ' c', 'c\u001b[2J', 'c\u00ff', 'c\0hidden', '\u007f'])
      expect(read(text)).to.equal(undefined);
  });

  for (const access of ['direct', 'copied'] as const) {
    itWithAddon(`is known at both ends and stays, where the region is ${access}`, async () => {
      const scene = new Scene();
      const config = { endpoint: freshName(), sharedMemory: { directory: scene.directory, access } };
      const server = new SharedMemoryServer(config);
      const client = new SharedMemoryConnection(config);
      try {
        unwrap(await server.listen());
        unwrap(await client.connect());
        const accepted = unwrap(await server.accept());
        expect([client.peer.library, accepted.peer.library]).to.deep.equal([OWN_LIBRARY, OWN_LIBRARY]);
        await accepted.disconnect();
        expect(accepted.peer.library).to.equal(OWN_LIBRARY);
      } finally {
        await client.disconnect();
        await server.close();
        await scene.close();
      }
    });
  }

  itWithAddon('is unknown for a side of an older release, which leaves the bytes 0', () => {
    const binding = nativeBinding()!;
    const block = { identity: randomBytes(16), serverProcessId: 1, clientProcessId: 2 };
    const { region, descriptor } = unwrap(SharedMemoryRegion.create(binding, 'direct', 65_536, block));
    try {
      expect([region.libraryOf('server'), region.libraryOf('client')]).to.deep.equal([OWN_LIBRARY, undefined]);
      region.bytes.fill(0, SERVER_LIBRARY_OFFSET, SERVER_LIBRARY_OFFSET + LIBRARY_BYTES);
      expect(region.libraryOf('server')).to.equal(undefined);
    } finally {
      region.unmap();
      binding.closeDescriptor(descriptor);
    }
  });
});
