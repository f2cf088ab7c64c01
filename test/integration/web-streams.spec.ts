import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { turns, within } from '@entropynet/conformance/tools';
import type { StreamError } from '@entropynet/streams';
import { toDuplex, toWebStreams } from '@entropynet/streams';
import { expect } from 'chai';
import { describeOverTransports } from './transport-bench.js';
import { bytesOf, hashOf, MEBIBYTE } from './stream-support.js';

describeOverTransports('web streams', (bench) => {
  it('carry bytes both ways at once', async () => {
    const [client, accepted] = await bench.connect();
    const [near, far] = [toWebStreams(client), toWebStreams(accepted)];
    const echoing = far.readable.pipeTo(far.writable);
    const writer = near.writable.getWriter();
    const bytes = randomBytes(MEBIBYTE);
    const writing = writer.write(bytes).then(() => writer.close());
    const parts: Uint8Array[] = [];
    for await (const part of near.readable) parts.push(part);
    await Promise.all([writing, echoing]);
    expect(hashOf(Buffer.concat(parts))).to.equal(hashOf(bytes));
  });

  it('are aborted although the peer reads nothing', async () => {
    const [client, accepted] = await bench.connect();
    const { writable } = toWebStreams(client);
    const writer = writable.getWriter();
    writer.closed.catch(() => undefined);
    const writing = writer.write(new Uint8Array(64 * 1024 * 1024)).catch((error: unknown) => error);
    await turns(5);
    await within(writer.abort(new Error('enough')), 'the abort is over');
    expect(await within(writing, 'the write ended')).to.be.an('error');
    expect(accepted.valid()).to.equal(true);
  });

  for (const [type, view] of Object.entries({
    Uint8Array: (memory: ArrayBuffer) => new Uint8Array(memory, 8, 8),
    Float64Array: (memory: ArrayBuffer) => new Float64Array(memory, 8, 1),
    DataView: (memory: ArrayBuffer) => new DataView(memory, 8, 8),
  })) {
    it(`send the memory of a ${type} only, even if its own properties are false`, async () => {
      const [client, accepted] = await bench.connect();
      const { writable } = toWebStreams(client);
      const received = bytesOf(toDuplex(accepted));
      const writer = writable.getWriter();
      for (const [name, value] of Object.entries({
        byteLength: 16,
        byteOffset: 0,
        buffer: Buffer.alloc(24, 'secret, ').buffer,
      })) {
        const { buffer } = Uint8Array.from(Buffer.from('secret, of mine secret, '));
        const chunk = Object.defineProperty(view(buffer), name, { value });
        await writer.write(chunk as Uint8Array);
      }
      await writer.close();
      expect((await within(received, 'all came')).toString()).to.equal('of mine '.repeat(3));
    });
  }

  const transferred = new Uint8Array(10);
  structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
  for (const [what, chunk] of [
    ['something else than bytes', 'text'],
    ['bytes whose memory was transferred', transferred],
    ['memory that was transferred', transferred.buffer],
  ] as const) {
    it(`fail at both ends if a program writes ${what}`, async () => {
      const [client, accepted] = await bench.connect();
      const { writable } = toWebStreams(client);
      const far = toDuplex(accepted);
      const failed = once(far.resume(), 'error');
      const writer = writable.getWriter();
      const closed = writer.closed.catch((error: unknown) => error);
      const refused = await writer.write(chunk as Uint8Array).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(TypeError);
      expect(await within(closed, 'the writer is closed')).to.equal(refused);
      const [error] = (await within(failed, 'the far side failed')) as [StreamError];
      expect(error.code).to.equal('ECONNRESET');
    });
  }
});
