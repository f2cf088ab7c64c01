import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freshName } from '../support/fresh-name.js';

const transport = import.meta.resolve('@entropynet/transport-shm');

/** Sends a message from one end to the other, and prints the results of both ways to watch. */
function programAs(runtime: string): string {
  return `
    // The properties of such a runtime, in a separate process.
    Object.defineProperty(process, 'versions', { value: { ...process.versions, ${runtime}: '1.0.0' } });
    const { SharedMemoryConnection, SharedMemoryServer } = await import('${transport}');
    const { loadNativeBinding } = await import('${transport.replace('index.js', 'native-binding.js')}');
    const endpoint = '${freshName()}';
    const server = new SharedMemoryServer({ endpoint });
    const listening = await server.listen();
    if (!listening.ok) throw listening.error;
    const client = new SharedMemoryConnection(endpoint, { endpoint });
    const connected = await client.connect();
    if (!connected.ok) throw connected.error;
    const { value: accepted } = await server.accept();
    await accepted.send(new TextEncoder().encode('hello'));
    let text;
    for await (const message of client.messages()) {
      text = new TextDecoder().decode(message);
      break;
    }
    await client.disconnect();
    await server.close();
    let refusal;
    try {
      loadNativeBinding().value.setWake('event-loop');
    } catch (error) {
      refusal = error.code;
    }
    console.log(JSON.stringify({ text, refusal }));
  `;
}

describe('runtimes with Node-API and without libuv', () => {
  for (const runtime of ['bun', 'deno']) {
    it(`${runtime} is recognised by its name, and the addon uses no function of libuv there`, async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--input-type=module',
        '--eval',
        programAs(runtime),
      ]);
      expect(JSON.parse(stdout)).to.deep.equal({ text: 'hello', refusal: 'ENOTSUP' });
    });
  }
});
