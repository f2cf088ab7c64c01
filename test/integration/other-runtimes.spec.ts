import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freshName } from '../support/fresh-name.js';

const transport = import.meta.resolve('@entropynet/transport-shm');

describe('runtimes with Node-API and without libuv', () => {
  for (const runtime of ['bun', 'deno']) {
    it(`${runtime} is distinguished from Node.js before the addon is loaded`, async () => {
      // What such a runtime says of itself, in a process of its own.
      const program = `
        Object.defineProperty(process, 'versions', { value: { ...process.versions, ${runtime}: '1.0.0' } });
        const { SharedMemoryServer } = await import('${transport}');
        const { error } = await new SharedMemoryServer({ endpoint: '${freshName()}' }).listen();
        const isLoaded = process.report.getReport().sharedObjects.some((file) => file.includes('transport-shm'));
        console.log(JSON.stringify({ code: error.code, message: error.message, isLoaded }));
      `;
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
      const { code, message, isLoaded } = JSON.parse(stdout) as { code: string; message: string; isLoaded: boolean };
      expect({ code, isLoaded }).to.deep.equal({ code: 'SharedMemoryNotAvailable', isLoaded: false });
      expect(message.toLowerCase()).to.contain(runtime).and.to.contain('use websocket');
    });
  }
});
